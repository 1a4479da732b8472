/* service_fixture.c - see service_fixture.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "service_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "embed/embed.h"
#include "tests/unit/embed/tiny.h"

static void must(bool is_ok, const char *what, const struct error *err)
{
    if (is_ok)
        return;
    fprintf(stderr, "fixture: %s: %s\n", what, err->text);
    exit(2);
}

/* One for the whole program: it is read-only, and its file may go once it is mapped. */
static struct embedder *tiny_embedder(void)
{
    static struct embedder *embedder;
    AUTO_ARENA a = {0};
    struct error err = {0};
    const char *folder;

    if (embedder)
        return embedder;
    folder = tiny_folder(&a);
    must(tiny_convert(&a, folder, &err), "model", &err);
    must(embed_open(tiny_path(&a, folder, "model.mdm"), EMBED_FP32, &embedder, &err), "model",
         &err);
    tiny_remove(folder);
    return embedder;
}

struct memory_service *fixture_service(struct fixture *f, const struct fixture_options *o)
{
    const struct memory_options options = {
        .store = f->store,
        .embedder = o->has_model ? tiny_embedder() : NULL,
        .no_embedder_why = STR("no model in this test"),
        .weight_words = 0.3,
        .weight_cosine = 0.7,
        .is_rrf = o->is_rrf,
        .rrf_k = 60,
        .content_max_chars = o->content_max_chars,
        .is_auto_split = o->is_auto_split,
        .split_overlap = 10,
        .is_split_at_boundaries = true,
        .recency_half_life_days = 30,
    };
    struct memory_service *m;
    struct error err = {0};

    must(memory_service_new(&options, &m, &err), "service", &err);
    return m;
}

void fixture_init(struct fixture *f, const struct fixture_options *options)
{
    struct error err = {0};
    char path[128];

    *f = (struct fixture){
        .who = {STR("tester"), STR("unit"), STR(SPACE_DEFAULT), SCOPE_READ | SCOPE_WRITE},
        .now_ms = FIXTURE_NOW_MS,
    };
    snprintf(f->folder, sizeof(f->folder), "/tmp/memoryd-service-XXXXXX");
    if (!mkdtemp(f->folder))
        abort();
    snprintf(path, sizeof(path), "%s/memory.db", f->folder);
    must(store_open(&(struct store_options){.path = path}, &f->store, &err), "store", &err);
    f->memory = fixture_service(f, options);
}

void fixture_deinit(struct fixture *f)
{
    memory_service_free(f->memory);
    store_close(f->store);
    tiny_remove(f->folder);
    arena_deinit(&f->arena);
}

/* -- requests that must succeed --------------------------------------------------------------- */

struct memory_store_request fixture_request(struct fixture *f, const char *content,
                                            const char *tags)
{
    struct memory_store_request r = {.content = str_c(content), .now_ms = f->now_ms};

    memory_parse_tags(&f->arena, str_c(tags), &r.tags, &r.n_tags);
    f->now_ms += MINUTE_MS;
    return r;
}

struct memory_store_result fixture_store(struct fixture *f,
                                         const struct memory_store_request *request)
{
    struct memory_store_result out = {0};
    struct error err = {0};

    CHECK_OK(memory_store(f->memory, &f->who, request, &f->arena, &out, &err), err);
    return out;
}

struct str fixture_put(struct fixture *f, const char *content, const char *tags)
{
    const struct memory_store_request request = fixture_request(f, content, tags);
    struct memory_store_result out = fixture_store(f, &request);

    CHECK(out.n_pieces == 1 && !out.pieces[0].is_duplicate);
    return out.hash;
}

struct str fixture_put_at(struct fixture *f, const char *content, const char *tags,
                          const char *type, int64_t created_ms)
{
    struct memory_store_request r = fixture_request(f, content, tags);

    r.now_ms = created_ms;
    r.has_type = true;
    r.type = str_c(type);
    return fixture_store(f, &r).hash;
}

void fixture_trash(struct fixture *f, struct str hash)
{
    const struct memory_delete_request request = {.hash = hash, .now_ms = f->now_ms};
    struct memory_delete_result out;
    struct error err = {0};

    CHECK_OK(memory_delete(f->memory, &f->who, &request, &f->arena, &out, &err), err);
}

static struct memory *get(struct fixture *f, struct str hash, enum trash_filter trash)
{
    struct memory *out = NULL;
    struct error err = {0};

    CHECK_OK(memory_get(f->memory, &f->who, hash, trash, &f->arena, &out, &err), err);
    return out;
}

struct memory *fixture_get(struct fixture *f, struct str hash)
{
    return get(f, hash, TRASH_HIDE);
}

struct memory *fixture_get_trashed(struct fixture *f, struct str hash)
{
    return get(f, hash, TRASH_ONLY);
}

struct memory_stats_result fixture_stats(struct fixture *f)
{
    struct caller reader = f->who;
    struct memory_stats_result out = {0};
    struct error err = {0};

    reader.scopes = SCOPE_READ;
    CHECK_OK(memory_stats(f->memory, &reader, f->now_ms, &f->arena, &out, &err), err);
    return out;
}

void fixture_rate(struct fixture *f, struct str hash, double quality)
{
    const struct store_actor actor = {f->who.space, f->who.subject, f->who.client, f->now_ms};
    struct memory m = *fixture_get(f, hash);
    struct error err = {0};

    m.quality = quality;
    CHECK_OK(store_update(f->store, &actor, &m, (struct str){0}, &err), err);
}

struct memory_search_result fixture_search(struct fixture *f,
                                           const struct memory_search_request *request)
{
    struct memory_search_request r = *request;
    struct memory_search_result out = {0};
    struct error err = {0};

    r.now_ms = f->now_ms;
    r.limit = r.limit ? r.limit : MEMORY_SEARCH_MAX;
    CHECK_OK(memory_search(f->memory, &f->who, &r, &f->arena, &out, &err), err);
    return out;
}

struct str fixture_letters(struct fixture *f, const struct memory_search_result *found)
{
    char *text = arena_alloc(&f->arena, found->n_hits + 1, 1);

    for (size_t i = 0; i < found->n_hits; i++)
        text[i] = found->hits[i].memory.content.ptr[0];
    return str_n(text, found->n_hits);
}

/* cosine * q + sine * p, where p is the first axis made orthogonal to q. */
void fixture_place(struct fixture *f, struct str hash, const char *text, double cosine)
{
    const struct embedder *e = tiny_embedder();
    float q[TINY_HIDDEN], v[TINY_HIDDEN];
    const struct store_vectors vectors = {embed_model_id(e), TINY_HIDDEN, 1, v};
    const struct memory *m = fixture_get(f, hash);
    double sine = sqrt(1 - cosine * cosine), norm;
    struct error err = {0};

    must(m != NULL, "no such memory", &err);
    must(embed_text(e, str_c(text), q, &err), "embed", &err);
    norm = sqrt(1 - (double)q[0] * (double)q[0]); /* of the first axis less its part along q */
    for (size_t i = 0; i < TINY_HIDDEN; i++) {
        double p = ((i == 0) - (double)q[0] * (double)q[i]) / norm;

        v[i] = (float)(cosine * (double)q[i] + sine * p);
    }
    CHECK_OK(store_set_vectors(f->store, f->who.space, m->row, &vectors, &err), err);
}

/* -- requests that must fail ------------------------------------------------------------------ */

void fixture_check_refusal(struct fixture *f, const struct error *err, enum error_kind kind,
                           const char *part, const struct memory_stats_result *before)
{
    struct memory_stats_result after = fixture_stats(f);

    CHECK_STR(str_c(error_kind_name(err->kind)), error_kind_name(kind));
    if (!CHECK(str_contains(str_c(err->text), str_c(part))))
        printf("  the text is: %s\n", err->text);
    CHECK_INT(after.n_changes, before->n_changes);
    CHECK_INT(after.n_live, before->n_live);
    CHECK_INT(after.n_trashed, before->n_trashed);
}
