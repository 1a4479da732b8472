/*
 * vector_turns.c - vector search as a program that is asked for a few runs at a time (peer_vectors.py).
 *
 *     bench_vector_turns index VECTORS N QUESTIONS         the index, its best ranked again by VECTORS
 *     bench_vector_turns store DATABASE MODEL-ID QUESTIONS the same by a store, from its database
 *
 * VECTORS and QUESTIONS hold DIM floats for each vector. The ids of vectors are their places, from 1: so
 * they are in the database that bench_fill makes. First comes a line of what loading took: a
 * checkpoint file written before, or for a store its first search.
 *
 *     time FROM N   microseconds of a core for each of so many questions
 *     find I        the ids that question I finds, best first
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "index/index.h"
#include "store/store.h"

#define DIM    384
#define TOP    10
#define MARGIN 54 /* that many more are ranked again by their floats, as a store does */

struct floats {
    const float *ptr;
    size_t n; /* vectors */
};

struct target {
    struct floats questions;
    struct floats all; /* of an index */
    struct index *index;
    struct index_view *view; /* of it */
    struct store *store;     /* or this */
    struct str model_id;
};

static void must(bool is_ok, const char *what)
{
    if (is_ok)
        return;
    fprintf(stderr, "bench_vector_turns: %s\n", what);
    exit(1);
}

static struct floats map(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p;

    must(fd >= 0 && fstat(fd, &st) == 0, path);
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    must(p != MAP_FAILED, path);
    close(fd);
    return (struct floats){p, (size_t)st.st_size / (DIM * sizeof(float))};
}

/* Of this process, the core's: on a shared machine it does not count who else had the core. */
static int64_t core_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static float dot(const float *a, const float *b)
{
    float sums[16] = {0}, sum = 0;

    for (size_t i = 0; i < DIM; i += 16) {
        for (size_t k = 0; k < 16; k++)
            sums[k] += a[i + k] * b[i + k];
    }
    for (size_t k = 0; k < 16; k++)
        sum += sums[k];
    return sum;
}

static int by_cosine(const void *a, const void *b)
{
    const struct index_hit *x = a, *y = b;

    return x->cosine != y->cosine ? (x->cosine < y->cosine ? 1 : -1)
                                  : (x->id > y->id) - (x->id < y->id);
}

static size_t search_index(const struct target *t, const float *question, int64_t ids[TOP])
{
    struct index_hit hits[TOP + MARGIN];
    size_t n = index_search(t->view, question, NULL, TOP + MARGIN, hits);

    for (size_t i = 0; i < n; i++)
        hits[i].cosine = dot(question, t->all.ptr + (hits[i].id - 1) * DIM);
    qsort(hits, n, sizeof(*hits), by_cosine);
    n = MIN(n, (size_t)TOP);
    for (size_t i = 0; i < n; i++)
        ids[i] = hits[i].id;
    return n;
}

static size_t search_store(const struct target *t, const float *question, int64_t ids[TOP])
{
    AUTO_ARENA a = {0};
    const struct memory_filter filter = {0};
    const struct rank_request r = {.space = STR("default"),
                                   .filter = &filter,
                                   .limit = TOP,
                                   .model_id = t->model_id,
                                   .vector = question,
                                   .dim = DIM};
    struct ranking found;
    struct error err;

    must(store_rank_vectors(t->store, &a, &r, &found, &err), err.text);
    for (size_t i = 0; i < found.n; i++)
        ids[i] = found.list[i].row;
    return found.n;
}

static size_t search(const struct target *t, size_t i, int64_t ids[TOP])
{
    const float *question = t->questions.ptr + i % t->questions.n * DIM;

    return t->store ? search_store(t, question, ids) : search_index(t, question, ids);
}

/* -- opening ------------------------------------------------------------------------------------ */

static void open_index(struct target *t, const char *path, size_t n)
{
    unsigned char stamp[INDEX_STAMP_BYTES] = {0};
    char file[] = "/tmp/bench-index-XXXXXX";
    int fd = mkstemp(file);
    struct error err;
    int64_t start_us;

    t->all = map(path);
    t->all.n = MIN(t->all.n, n);
    t->index = index_new(DIM);
    for (size_t i = 0; i < t->all.n; i++)
        index_put(t->index, &(struct index_item){.id = (int64_t)i + 1,
                                                 .vectors = t->all.ptr + i * DIM,
                                                 .n_parts = 1});
    t->view = index_view_take(t->index);
    must(fd >= 0 && index_save(t->view, file, stamp, &err), "cannot write a file in /tmp");
    index_view_give_back(&t->view);
    index_free(t->index);
    start_us = clock_monotonic_us();
    must(index_load(file, DIM, &t->index, stamp, &err), err.text);
    t->view = index_view_take(t->index);
    printf("loaded %.1f ms, %zu vectors, %zu bytes each\n",
           (double)(clock_monotonic_us() - start_us) / 1000, t->all.n,
           index_bytes(t->index) / MAX(t->all.n, (size_t)1));
    unlink(file);
    close(fd);
}

static void open_store(struct target *t, const char *path, const char *model_id)
{
    const struct store_options options = {.path = path};
    int64_t start_us = clock_monotonic_us(), ids[TOP];
    struct error err;

    t->model_id = str_c(model_id);
    must(store_open(&options, &t->store, &err), err.text);
    (void)search(t, 0, ids);
    printf("loaded %.1f ms\n", (double)(clock_monotonic_us() - start_us) / 1000);
}

/* -- answering ---------------------------------------------------------------------------------- */

static void answer(const struct target *t, const char *line)
{
    int64_t ids[TOP];
    unsigned from, n;

    if (sscanf(line, "time %u %u", &from, &n) == 2) {
        for (unsigned i = 0; i < n; i++) {
            int64_t start_us = core_us();

            (void)search(t, from + i, ids);
            printf("%lld ", (long long)(core_us() - start_us));
        }
    } else if (sscanf(line, "find %u", &from) == 1) {
        n = (unsigned)search(t, from, ids);
        for (unsigned i = 0; i < n; i++)
            printf("%lld ", (long long)ids[i]);
    } else {
        must(false, "expected 'time FROM N' or 'find I'");
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct target t = {0};
    char line[128];

    must(argc == 5, "expected index VECTORS N QUESTIONS, or store DATABASE MODEL-ID QUESTIONS");
    t.questions = map(argv[4]);
    if (strcmp(argv[1], "store") == 0)
        open_store(&t, argv[2], argv[3]);
    else
        open_index(&t, argv[2], (size_t)strtoul(argv[3], NULL, 10));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin))
        answer(&t, line);
    index_view_give_back(&t.view);
    index_free(t.index);
    store_close(t.store);
    return 0;
}
