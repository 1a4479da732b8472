/*
 * cleanup.c - near-duplicates: found by vectors, shown as a plan, merged into one kept memory.
 *
 * A group is a star: every removed memory is near the kept one itself, so chains of small steps never
 * pull distant texts together. Long texts (several vectors) count as near only if every part is.
 *
 * Not done: comparing everything with everything. Memories are gone through newest first, each asks the
 * index for its nearest; CLEANUP_SCAN_MAX of them per call.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"
#include "json/json.h"

#define CLEANUP_SCAN_MAX      5000 /* memories compared in one call */
#define NEAREST_MAX           50   /* members of one group */
#define DEFAULT_QUALITY       0.5
#define CLEANUP_THRESHOLD_MIN 0.5 /* below, unrelated texts would meet */

struct groups VEC(struct memory_cleanup_group);

struct cleanup {
    struct memory_service *m;
    const struct caller *who;
    const struct memory_cleanup_request *request;
    struct arena *a;
    struct memory_filter filter;
    struct bitmap_of_rows {
        int64_t *rows;
        size_t len, cap;
    } seen; /* rows that are in a group */
    struct groups groups;
    bool has_more;
    size_t n_not_compared;
};

struct near_ones {
    struct memory list[NEAREST_MAX];
    size_t n;
};

static bool is_seen(const struct cleanup *c, int64_t row)
{
    for (size_t i = 0; i < c->seen.len; i++) {
        if (c->seen.rows[i] == row)
            return true;
    }
    return false;
}

static void mark_seen(struct cleanup *c, int64_t row)
{
    if (c->seen.len == c->seen.cap) {
        c->seen.cap = MAX(c->seen.cap * 2, (size_t)64);
        c->seen.rows = mem_grow(c->seen.rows, c->seen.cap, sizeof(*c->seen.rows));
    }
    c->seen.rows[c->seen.len++] = row;
}

/* -- who is near whom ------------------------------------------------------------------------- */

/* The least cosine of parts that correspond; -1 if the texts have different numbers of parts. */
static double part_cosine(const struct store_vectors *x, const struct store_vectors *y)
{
    double least = x->n_parts == y->n_parts && x->n_parts ? 1 : -1;

    for (size_t p = 0; p < x->n_parts && least > -1; p++) {
        double sum = 0;

        for (size_t i = 0; i < x->dim; i++)
            sum += (double)x->values[p * x->dim + i] * (double)y->values[p * x->dim + i];
        least = MIN(least, sum);
    }
    return least;
}

static bool read_vectors(const struct cleanup *c, struct arena *a, int64_t row,
                         struct store_vectors *out, struct error *err)
{
    return store_get_vectors(c->m->options.store, a, c->who->space, row, model_id_of(c->m), out,
                             err);
}

/* -- which one stays -------------------------------------------------------------------------- */

static double quality_of(const struct memory *m)
{
    return m->quality < 0 ? DEFAULT_QUALITY : m->quality;
}

static bool is_preferred(enum keep_policy keep, const struct memory *x, const struct memory *y)
{
    if (keep == KEEP_BEST && quality_of(x) != quality_of(y))
        return quality_of(x) > quality_of(y);
    if (keep == KEEP_BEST && x->n_accesses != y->n_accesses)
        return x->n_accesses > y->n_accesses;
    if (x->created_ms != y->created_ms)
        return (keep == KEEP_NEWEST) == (x->created_ms > y->created_ms);
    return x->row < y->row;
}

/* -- groups ----------------------------------------------------------------------------------- */

/* What is looked at and let go again has an arena of its own, `work`; what a group holds is the caller's. */
static bool read_memory(const struct cleanup *c, int64_t row, struct memory *out, size_t *out_n,
                        struct error *err)
{
    struct memory *found;
    size_t n;

    if (!store_get_rows(c->m->options.store, c->a, c->who->space, &row, 1, &found, &n, err))
        return false;
    if (n)
        out[(*out_n)++] = *found;
    return true;
}

/* The memory of a row with vectors v, and what is near it and not in a group yet; it alone: out is empty. */
static bool find_near(struct cleanup *c, struct arena *work, int64_t row,
                      const struct store_vectors *v, struct near_ones *out, struct error *err)
{
    const struct rank_request r = {.space = c->who->space,
                                   .filter = &c->filter,
                                   .limit = NEAREST_MAX,
                                   .model_id = v->model_id,
                                   .vector = v->values,
                                   .dim = v->dim};
    struct ranking ranking;

    out->n = 0;
    if (!store_rank_vectors(c->m->options.store, work, &r, &ranking, err))
        return false;
    for (size_t i = 0; i < ranking.n && out->n < NEAREST_MAX; i++) {
        const struct ranked *near = &ranking.list[i];
        struct store_vectors other;

        if (near->row == row || is_seen(c, near->row) ||
            near->score < c->request->threshold - STORE_COSINE_ROUNDING)
            continue;
        if (!read_vectors(c, work, near->row, &other, err))
            return false;
        if (part_cosine(v, &other) < c->request->threshold)
            continue;
        if ((out->n == 0 && !read_memory(c, row, out->list, &out->n, err)) ||
            !read_memory(c, near->row, out->list, &out->n, err))
            return false;
    }
    return true;
}

/* The star around the preferred one of the near ones; members far from it stay out. */
static bool make_group(struct cleanup *c, struct arena *work, const struct near_ones *near,
                       struct error *err)
{
    struct memory_cleanup_group group = {.cosine = 1};
    struct store_vectors kept;
    struct memory *removed = ARENA_NEW(c->a, struct memory, near->n);
    size_t best = 0;

    for (size_t i = 1; i < near->n; i++) {
        if (is_preferred(c->request->keep, &near->list[i], &near->list[best]))
            best = i;
    }
    group.kept = near->list[best];
    group.removed = removed;
    if (!read_vectors(c, work, group.kept.row, &kept, err))
        return false;
    for (size_t i = 0; i < near->n; i++) {
        struct store_vectors other;
        double cosine;

        if (i == best)
            continue;
        if (!read_vectors(c, work, near->list[i].row, &other, err))
            return false;
        cosine = part_cosine(&kept, &other);
        if (cosine < c->request->threshold)
            continue;
        removed[group.n_removed++] = near->list[i];
        group.cosine = MIN(group.cosine, cosine);
        mark_seen(c, near->list[i].row);
    }
    mark_seen(c, group.kept.row);
    if (group.n_removed)
        VEC_PUSH(&c->groups, group);
    return true;
}

static bool look_at(struct cleanup *c, int64_t row, struct error *err)
{
    AUTO_ARENA work = {0};
    struct near_ones near;
    struct store_vectors v;

    if (is_seen(c, row))
        return true;
    if (!read_vectors(c, &work, row, &v, err))
        return false;
    if (v.n_parts == 0)
        return true;
    return find_near(c, &work, row, &v, &near, err) &&
           (near.n < 2 || make_group(c, &work, &near, err));
}

static bool scan(struct cleanup *c, struct error *err)
{
    size_t total = c->m->options.embedder ? 1 : 0, at = 0;

    /* The live and current ones, whatever the filter says: an old version is near the new one. */
    c->filter.trash = TRASH_HIDE;
    c->filter.has_superseded = false;
    while (at < total && at < CLEANUP_SCAN_MAX && c->groups.len < c->request->limit) {
        AUTO_ARENA page = {0};
        struct memory *memories;
        size_t n;

        if (!store_list(c->m->options.store, &page, c->who->space, &c->filter, at,
                        SPACE_SCAN_PAGE, &memories, &n, &total, err))
            return false;
        for (size_t i = 0; i < n && c->groups.len < c->request->limit; i++, at++) {
            if (!look_at(c, memories[i].row, err))
                return false;
        }
        if (n == 0)
            break;
    }
    c->has_more = c->groups.len >= c->request->limit && at < total;
    c->n_not_compared = c->has_more ? 0 : total - MIN(at, total);
    return true;
}

/* -- carrying it out -------------------------------------------------------------------------- */

struct tag_list VEC(struct str);

static void add_tags(struct tag_list *list, const struct memory *m)
{
    for (size_t i = 0; i < m->n_tags; i++) {
        if (!str_eq(m->tags[i], TAG_NONE))
            VEC_PUSH(list, m->tags[i]);
    }
}

/* Those that the kept memory lacks, as far as it has room: what it has by now stays. */
static size_t new_tags(const struct cleanup *c, const struct memory *kept,
                       const struct tag_list *all, struct str *out)
{
    const struct str *tags;
    size_t n_tags, n = 0, room = MEMORY_TAGS_MAX;

    for (size_t k = 0; k < kept->n_tags; k++)
        room -= !str_eq(kept->tags[k], TAG_NONE);
    memory_normalise_tags(c->a, all->ptr, all->len, &tags, &n_tags);
    for (size_t i = 0; i < n_tags && n < room; i++) {
        if (!str_is_among(tags[i], kept->tags, kept->n_tags))
            out[n++] = tags[i];
    }
    return n;
}

static struct str duplicate_of(struct arena *a, const struct memory *kept)
{
    json_t *detail = json_must(json_pack("{s:o}", "duplicate_of", json_str(kept->hash)));
    struct str text = json_text(a, detail);

    json_decref(detail);
    return text;
}

/* The kept memory takes over the tags of the removed ones, as many as one may have; the removed ones
 * then go to the trash with theirs. */
static bool merge_group(struct cleanup *c, const struct memory_cleanup_group *g,
                        struct error *err)
{
    const struct store_actor actor = actor_of(c->who, c->request->now_ms);
    struct memory_update_request update = {.hash = g->kept.hash, .now_ms = c->request->now_ms};
    struct memory_update_result result;
    struct str *hashes = ARENA_NEW(c->a, struct str, g->n_removed);
    struct tag_list all = {0};
    size_t n;

    for (size_t i = 0; i < g->n_removed; i++) {
        hashes[i] = g->removed[i].hash;
        add_tags(&all, &g->removed[i]);
    }
    update.add_tags = ARENA_NEW(c->a, struct str, all.len);
    update.n_add_tags = new_tags(c, &g->kept, &all, (struct str *)(uintptr_t)update.add_tags);
    VEC_DEINIT(&all);
    return memory_update(c->m, c->who, &update, c->a, &result, err) &&
           store_delete(c->m->options.store, &actor, hashes, g->n_removed,
                        duplicate_of(c->a, &g->kept), &n, err);
}

static bool carry_out(struct cleanup *c, struct error *err)
{
    for (size_t i = 0; !c->request->is_dry_run && i < c->groups.len; i++) {
        if (!merge_group(c, &c->groups.ptr[i], err))
            return error_wrap(err, "group %zu of %zu", i + 1, c->groups.len);
    }
    return true;
}

static bool purge(struct cleanup *c, size_t *out_n, struct error *err)
{
    const struct store_actor actor = actor_of(c->who, c->request->now_ms);

    *out_n = 0;
    return c->request->purge_trash_before_ms == 0 ||
           store_purge(c->m->options.store, &actor, c->request->purge_trash_before_ms,
                       c->request->is_dry_run, out_n, err);
}

static bool check(const struct memory_service *m, const struct memory_cleanup_request *r,
                  struct error *err)
{
    if (!(r->threshold >= CLEANUP_THRESHOLD_MIN && r->threshold <= 1))
        return error_set(err, ERROR_INVALID, "the threshold is a cosine from %.1f to 1",
                         CLEANUP_THRESHOLD_MIN);
    if (r->limit < 1 || r->limit > MEMORY_CLEANUP_MAX)
        return error_set(err, ERROR_INVALID, "limit must be from 1 to %d", MEMORY_CLEANUP_MAX);
    if (!m->options.embedder && !r->purge_trash_before_ms)
        return error_set(err, ERROR_UNAVAILABLE, "near-duplicates cannot be found: " STR_FMT,
                         STR_ARG(m->options.no_embedder_why));
    return true;
}

static void give_out(const struct cleanup *c, size_t n_purged,
                     struct memory_cleanup_result *out)
{
    struct memory_cleanup_group *copy =
        ARENA_NEW(c->a, struct memory_cleanup_group, c->groups.len);
    size_t n_removed = 0;

    for (size_t i = 0; i < c->groups.len; i++) {
        copy[i] = c->groups.ptr[i];
        n_removed += copy[i].n_removed;
    }
    *out = (struct memory_cleanup_result){
        .groups = copy,
        .n_groups = c->groups.len,
        .n_removed = n_removed,
        .n_purged = n_purged,
        .has_more = c->has_more,
        .n_not_compared = c->n_not_compared,
        .is_not_compared = !c->m->options.embedder,
    };
}

bool memory_cleanup(struct memory_service *m, const struct caller *who,
                    const struct memory_cleanup_request *request, struct arena *a,
                    struct memory_cleanup_result *out, struct error *err)
{
    struct cleanup c = {.m = m, .who = who, .request = request, .a = a};
    size_t n_purged = 0;
    bool is_ok = may(who, request->is_dry_run ? SCOPE_READ : SCOPE_WRITE, err) &&
                 check(m, request, err) &&
                 filter_prepare(a, &request->filter, request->time_expr, request->now_ms,
                                &c.filter, err) &&
                 scan(&c, err) && carry_out(&c, err) && purge(&c, &n_purged, err);

    if (is_ok)
        give_out(&c, n_purged, out);
    VEC_DEINIT(&c.groups);
    free(c.seen.rows);
    return is_ok;
}
