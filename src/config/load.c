/*
 * load.c - from environment and .env to one checked struct.
 *
 * Order: the .env is found and parsed; every row of the table is looked up (environment, .env; then
 * under its older name), read and checked; what needs several settings is computed; names that no
 * row reads are remarked on. The first bad value ends it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_int.h"

#include <sys/stat.h>

#include "base/map.h"
#include "sys/sys.h"
#include "text/text.h"

#define SHOWN_MAX_CHARS    40 /* of a value in an error */
#define REMARKS_MAX        50 /* lines about names: enough to see what is going on */
#define WEIGHTS_NEAR_1     0.01
#define API_KEY_GOOD_BYTES 32

struct load {
    struct arena *arena;
    const struct config_source *source;
    void (*warn)(void *ctx, struct str line);
    void *ctx;
    struct dotenv dotenv;
    struct str env_file;
    struct loaded loaded;
    struct config_item *items;
};

struct found {
    struct str text;
    const char *name; /* under which it was found */
    const char *origin;
};

static void warn_line(const struct load *l, struct str line)
{
    if (l->warn)
        l->warn(l->ctx, line);
}

/* -- the .env file ---------------------------------------------------------------------------- */

/* Python people also call a folder .env. */
static bool is_file(struct str path)
{
    struct stat st;

    return stat(path.ptr, &st) == 0 && S_ISREG(st.st_mode);
}

static void find_env_file(struct load *l)
{
    struct str here = sys_join(l->arena, l->source->cwd, STR(".env"));
    struct str home = sys_join(l->arena, l->source->home, STR(".mcp-memory/.env"));

    if (is_file(here))
        l->env_file = here;
    else if (l->source->home.len && is_file(home))
        l->env_file = home;
}

static void complain(void *ctx, size_t line, const char *why)
{
    const struct load *l = ctx;

    warn_line(l, arena_printf(l->arena, STR_FMT " line %zu: %s; the line is skipped",
                              STR_ARG(l->env_file), line, why));
}

static bool load_env_file(struct load *l, struct error *err)
{
    struct str text;

    find_env_file(l);
    if (!l->env_file.len)
        return true;
    if (!sys_read_file(l->arena, l->env_file.ptr, CONFIG_ENV_FILE_MAX_BYTES, &text, err))
        return false;
    dotenv_parse(l->arena, text, complain, l, &l->dotenv);
    return true;
}

/* -- looking up ------------------------------------------------------------------------------- */

static bool get_env(const struct config_source *source, const char *name, struct str *out)
{
    size_t n = strlen(name);

    for (const char *const *entry = source->environ; *entry; entry++) {
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=') {
            *out = str_c(*entry + n + 1);
            return true;
        }
    }
    return false;
}

/* False: not set, or empty. */
static bool find_name(const struct load *l, const char *name, struct found *out)
{
    struct found found = {.name = name, .origin = "env"};

    if (!get_env(l->source, name, &found.text)) {
        found.origin = ".env";
        if (!dotenv_get(&l->dotenv, str_c(name), &found.text))
            return false;
    }
    found.text = str_trim(found.text);
    if (found.text.len == 0)
        return false;
    *out = found;
    return true;
}

/* out->text is the path of a file that holds the secret; replaces it by what the file says. */
static bool read_secret(const struct load *l, struct found *out, struct error *err)
{
    struct str path;

    if (!resolve_path(l->arena, l->source, out->text, &path, err) ||
        !sys_read_file(l->arena, path.ptr, CONFIG_SECRET_FILE_MAX_BYTES, &out->text, err))
        return error_wrap(err, "%s", out->name);
    out->text = str_trim(out->text);
    out->origin = "file";
    if (out->text.len == 0)
        return error_set(err, ERROR_INVALID, "%s: " STR_FMT " is empty", out->name,
                         STR_ARG(path));
    return true;
}

static bool find_secret(const struct load *l, const struct setting *s, bool *is_found,
                        struct found *out, struct error *err)
{
    const char *file_name = arena_printf(l->arena, "%s_FILE", s->name).ptr;
    struct found file;

    if (!find_name(l, file_name, &file))
        return true;
    if (*is_found)
        return error_set(err, ERROR_INVALID, "%s and %s are both set; set one of them", s->name,
                         file_name);
    if (!read_secret(l, &file, err))
        return false;
    *out = file;
    *is_found = true;
    return true;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* Who starts it in some folder may not know that a file there is read. */
static bool name_error(const struct load *l, const struct setting *s, const struct found *found,
                       struct error *err)
{
    struct str shown = text_first(found->text, SHOWN_MAX_CHARS);
    bool is_in_file = strcmp(found->origin, ".env") == 0;
    struct str place =
        is_in_file ? arena_printf(l->arena, " in " STR_FMT, STR_ARG(l->env_file)) : STR("");

    if (s->is_secret || !text_is_utf8(found->text))
        return error_wrap(err, "%s" STR_FMT, found->name, STR_ARG(place));
    return error_wrap(err, "%s='" STR_FMT "%s'" STR_FMT, found->name, STR_ARG(shown),
                      shown.len < found->text.len ? "..." : "", STR_ARG(place));
}

static void add_item(struct load *l, const struct setting *s, const struct found *found)
{
    struct reader r = {l->arena, l->source, &l->loaded};
    struct str value = found->text;

    if (s->read == read_path)
        value = *(struct str *)setting_field(&r, s);
    else if (s->is_secret && value.len)
        value = STR("(set)");
    l->items[s - settings] = (struct config_item){
        .name = s->name,
        .older = s->older,
        .fallback = s->fallback ? s->fallback : "",
        .accepts = setting_accepts(l->arena, s),
        .meaning = s->meaning,
        .is_secret = s->is_secret,
        .value = arena_dup(l->arena, value),
        .source = found->origin,
    };
}

static bool load_setting(struct load *l, const struct setting *s, struct error *err)
{
    const struct reader r = {l->arena, l->source, &l->loaded};
    struct found found = {.text = str_c(s->fallback), .name = s->name, .origin = "default"};
    bool is_found =
        find_name(l, s->name, &found) || (s->older && find_name(l, s->older, &found));

    if (s->is_secret && !find_secret(l, s, &is_found, &found, err))
        return false;
    if (is_found && !text_check(found.text, err))
        return name_error(l, s, &found, err);
    if (found.text.len && !s->read(&r, s, found.text, err))
        return name_error(l, s, &found, err);
    if (is_found && s->note)
        warn_line(l, arena_printf(l->arena, "%s: %s", found.name, s->note));
    add_item(l, s, &found);
    return true;
}

static bool load_settings(struct load *l, struct error *err)
{
    for (size_t i = 0; i < n_settings; i++) {
        if (!load_setting(l, &settings[i], err))
            return false;
    }
    return true;
}

/* -- what needs several settings -------------------------------------------------------------- */

static const struct config_item *item(const struct load *l, const char *name)
{
    size_t i = 0;

    while (strcmp(settings[i].name, name) != 0)
        i++;
    return &l->items[i];
}

static bool is_default(const struct load *l, const char *name)
{
    return strcmp(item(l, name)->source, "default") == 0;
}

static bool scale_weights(struct config *c, struct error *err)
{
    double sum = c->weight_words + c->weight_cosine;

    if (sum == 0)
        return error_set(err, ERROR_INVALID,
                         "MCP_HYBRID_KEYWORD_WEIGHT and MCP_HYBRID_SEMANTIC_WEIGHT are both 0; "
                         "make one of them larger");
    if (sum < 1 - WEIGHTS_NEAR_1 || sum > 1 + WEIGHTS_NEAR_1) {
        c->weight_words /= sum;
        c->weight_cosine /= sum;
    }
    return true;
}

/* Parts that only repeat what the one before ends with would never reach the end of a text. */
static bool check_splitting(const struct config *c, struct error *err)
{
    if (c->content_max_chars == 0 || c->split_overlap <= c->content_max_chars / 2)
        return true;
    return error_set(err, ERROR_INVALID,
                     "MCP_CONTENT_SPLIT_OVERLAP is %zu, more than half of "
                     "MCP_SQLITEVEC_MAX_CONTENT_LENGTH, %zu; make it smaller",
                     c->split_overlap, c->content_max_chars);
}

/* Half of a TLS set-up must not serve memories in the clear. */
static bool check_https(struct load *l, struct error *err)
{
    static const char *const names[] = {"MCP_SSL_CERT_FILE", "MCP_SSL_KEY_FILE"};

    for (size_t i = 0; i < COUNT(names); i++) {
        bool is_set = !is_default(l, names[i]);

        if (l->loaded.config.is_https && !is_set)
            return error_set(err, ERROR_INVALID,
                             "MCP_HTTPS_ENABLED is on, but %s is not set; name the file, or "
                             "leave MCP_HTTPS_ENABLED out",
                             names[i]);
        if (!l->loaded.config.is_https && is_set)
            warn_line(l,
                      arena_printf(l->arena, "%s: has no effect without MCP_HTTPS_ENABLED=true",
                                   names[i]));
    }
    return true;
}

/* In the environment a PEM text often stands on one line, with \n for its ends. */
static struct str unfold_pem(struct arena *a, struct str text)
{
    AUTO_BUF out = {0};
    size_t at;

    if (str_find_char(text, '\n', &at))
        return text;
    while (str_find(text, STR("\\n"), &at)) {
        buf_add(&out, str_sub(text, 0, at));
        buf_add_char(&out, '\n');
        text = str_sub(text, at + 2, text.len);
    }
    buf_add(&out, text);
    return arena_dup(a, buf_str(&out));
}

static bool read_private_key(struct load *l, struct error *err)
{
    struct config *c = &l->loaded.config;
    struct str path = l->loaded.private_key_path;

    if (path.len > 0) {
        if (c->private_key.len > 0)
            return error_set(
                err, ERROR_INVALID,
                "MCP_OAUTH_PRIVATE_KEY and MCP_OAUTH_PRIVATE_KEY_PATH are both set; "
                "set one of them");
        if (!sys_read_file(l->arena, path.ptr, CONFIG_SECRET_FILE_MAX_BYTES, &c->private_key,
                           err))
            return error_wrap(err, "MCP_OAUTH_PRIVATE_KEY_PATH");
    }
    c->private_key = unfold_pem(l->arena, c->private_key);
    return true;
}

/* Who may come, and by what right. */
static bool check_access(struct load *l, struct error *err)
{
    struct config *c = &l->loaded.config;

    if (!read_private_key(l, err))
        return false;
    if (is_default(l, "MCP_OAUTH_ENABLED"))
        c->is_oauth = !c->is_loopback || c->public_url.len > 0;
    c->is_auth = c->is_oauth || c->api_key.len > 0;
    if (c->is_http && !c->is_loopback && !c->is_auth && !c->is_anonymous)
        return error_set(err, ERROR_INVALID,
                         "MCP_OAUTH_ENABLED is off and MCP_API_KEY is not set, so that nobody "
                         "could come from other machines; leave MCP_OAUTH_ENABLED out");
    if (c->api_key.len > 0 && c->api_key.len < API_KEY_GOOD_BYTES)
        warn_line(l,
                  STR("MCP_API_KEY: is short; 32 random characters or more cannot be guessed"));
    return true;
}

/* A provider without a client, or a server without log-ins, would only be noticed by people. */
static bool check_provider(struct load *l, struct error *err)
{
    const struct config *c = &l->loaded.config;

    if (c->oidc_issuer.len && !c->oidc_client_id.len)
        return error_set(
            err, ERROR_INVALID,
            "MEMORYD_OIDC_ISSUER is set, but MEMORYD_OIDC_CLIENT_ID is not; register "
            "this server with the provider and set what it is called there");
    if (!c->oidc_issuer.len && c->oidc_client_id.len)
        return error_set(
            err, ERROR_INVALID,
            "MEMORYD_OIDC_CLIENT_ID is set, but MEMORYD_OIDC_ISSUER is not; name the "
            "provider, or leave both out");
    if (c->oidc_issuer.len && c->is_http && !c->is_oauth)
        warn_line(l, STR("MEMORYD_OIDC_ISSUER: has no effect without MCP_OAUTH_ENABLED=true"));
    return true;
}

static void find_model(struct load *l)
{
    struct str places[CONFIG_MODEL_PLACES];

    config_model_places(l->arena, l->loaded.config.base_dir, places);
    for (size_t i = 0; i < COUNT(places); i++) {
        if (is_file(places[i])) {
            l->loaded.config.model_path = places[i];
            l->items[item(l, "MEMORYD_MODEL") - l->items].value = places[i];
            return;
        }
    }
}

static bool combine(struct load *l, struct error *err)
{
    struct config *c = &l->loaded.config;

    if (!scale_weights(c, err) || !check_splitting(c, err) || !check_https(l, err))
        return false;
    c->is_http |= l->loaded.is_sse || l->source->is_server;
    if (!check_access(l, err) || !check_provider(l, err))
        return false;
    c->quality_boost = l->loaded.is_quality_boosted ? l->loaded.quality_weight : 0;
    if (is_default(l, "LOG_LEVEL"))
        c->log_level = c->is_http ? LOG_INFO : LOG_WARN;
    if (is_default(l, "MEMORYD_MODEL"))
        find_model(l);
    return true;
}

void config_model_places(struct arena *a, struct str base_dir,
                         struct str out[CONFIG_MODEL_PLACES])
{
    struct str exe_dir = sys_exe_dir(a);

    out[0] = sys_join(a, exe_dir, STR("../share/memoryd/" CONFIG_MODEL_NAME));
    out[1] = sys_join(a, exe_dir, STR("model/" CONFIG_MODEL_NAME));
    out[2] = sys_join(a, base_dir, STR("models/" CONFIG_MODEL_NAME));
}

/* -- names that no row reads ------------------------------------------------------------------ */

struct remarks {
    struct load *load;
    struct map seen;
    size_t n;
};

static void remark_on(struct remarks *k, struct str name)
{
    struct str line;

    if (k->n == REMARKS_MAX || map_put(&k->seen, name, k))
        return;
    line = name_remark(k->load->arena, name);
    if (!line.len)
        return;
    warn_line(k->load, line);
    if (++k->n == REMARKS_MAX)
        warn_line(k->load, STR("there are more such names; fix these first"));
}

static void remark_on_names(struct load *l)
{
    struct remarks k = {.load = l};
    struct str name, value;

    for (const char *const *entry = l->source->environ; *entry; entry++) {
        if (str_cut(str_c(*entry), '=', &name, &value) && value.len)
            remark_on(&k, name);
    }
    for (size_t i = 0; i < l->dotenv.len; i++) {
        if (l->dotenv.ptr[i].value.len)
            remark_on(&k, l->dotenv.ptr[i].name);
    }
    map_deinit(&k.seen);
}

bool config_load(struct arena *a, const struct config_source *source,
                 void (*warn)(void *ctx, struct str line), void *ctx, struct config *out,
                 struct error *err)
{
    struct load l = {.arena = a, .source = source, .warn = warn, .ctx = ctx};
    bool is_ok;

    l.items = ARENA_NEW(a, struct config_item, n_settings);
    is_ok = load_env_file(&l, err) && load_settings(&l, err) && combine(&l, err);
    if (is_ok) {
        remark_on_names(&l);
        l.loaded.config.env_file = l.env_file;
        l.loaded.config.items = l.items;
        l.loaded.config.n_items = n_settings;
        *out = l.loaded.config;
    }
    VEC_DEINIT(&l.dotenv);
    return is_ok;
}
