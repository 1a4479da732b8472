/*
 * types.c - the ontology of memory types: 12 base types with subtypes, and the user's own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/memory_int.h"

#include "base/vec.h"
#include "json/json.h"
#include "text/text.h"

#define SUBTYPES_MAX 12

static const struct {
    const char *base;
    const char *subtypes[SUBTYPES_MAX]; /* NULL at the end */
} ontology[] = {
    {"observation",
     {"code_edit", "file_access", "search", "command", "conversation", "conversation_turn",
      "session", "document", "note", "reference"}},
    {"decision", {"architecture", "tool_choice", "approach", "configuration"}},
    {"learning", {"insight", "best_practice", "anti_pattern", "gotcha"}},
    {"error", {"bug", "failure", "exception", "timeout", "mistake"}},
    {"pattern", {"recurring_issue", "code_smell", "design_pattern", "workflow"}},
    {"planning",
     {"sprint_goal", "backlog_item", "story_point_estimate", "velocity", "retrospective",
      "standup_note", "acceptance_criteria"}},
    {"ceremony",
     {"sprint_review", "sprint_planning", "daily_standup", "retrospective_action",
      "demo_feedback"}},
    {"milestone",
     {"deliverable", "dependency", "risk", "constraint", "assumption", "deadline"}},
    {"stakeholder",
     {"requirement", "feedback", "escalation", "approval", "change_request", "status_update"}},
    {"meeting", {"action_item", "attendee_note", "agenda_item", "follow_up", "minutes"}},
    {"research", {"finding", "comparison", "recommendation", "source", "hypothesis"}},
    {"communication", {"email_summary", "chat_summary", "announcement", "request", "response"}},
};

#define TYPE_FALLBACK STR("observation")

/* -- the user's own: {"base": ["sub", …]} ------------------------------------------------------ */

struct custom_types VEC(struct custom_type);

static bool is_identifier(struct str name, bool may_begin_with_digit)
{
    if (name.len == 0 || text_count(name) > MEMORY_TYPE_MAX_CHARS)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_digit = c >= '0' && c <= '9';

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '_' && !is_digit)
            return false;
        if (i == 0 && is_digit && !may_begin_with_digit)
            return false;
    }
    return true;
}

static bool take_subtypes(struct arena *a, struct str base, const json_t *list,
                          struct custom_types *out, struct error *err)
{
    size_t i;
    json_t *one;

    VEC_PUSH(out, ((struct custom_type){.base = base}));
    if (!json_is_array(list))
        return error_set(err, ERROR_INVALID, "'" STR_FMT "' must be a list of names",
                         STR_ARG(base));
    json_array_foreach(list, i, one)
    {
        struct str name = arena_dup(a, json_view(one));

        if (!is_identifier(name, true))
            return error_set(err, ERROR_INVALID,
                             "'" STR_FMT
                             "' holds a name with other characters than letters, digits "
                             "and '_'",
                             STR_ARG(base));
        VEC_PUSH(out, ((struct custom_type){base, name}));
    }
    return true;
}

static bool take_types(struct arena *a, const json_t *types, struct custom_types *out,
                       struct error *err)
{
    const char *key;
    json_t *list;

    json_object_foreach((json_t *)(uintptr_t)types, key, list)
    {
        struct str base = text_lower(a, str_c(key));

        if (!is_identifier(base, false))
            return error_set(err, ERROR_INVALID, "'%s' is no name for a type", key);
        if (!take_subtypes(a, base, list, out, err))
            return false;
    }
    return true;
}

bool types_init(struct memory_service *m, struct str text, struct error *err)
{
    AUTO_JSON *types = NULL;
    struct custom_types list = {0};
    bool is_ok;

    if (text.len == 0)
        return true;
    if (!json_parse(text, &types, err))
        return error_wrap(err, "MCP_CUSTOM_MEMORY_TYPES");
    if (!json_is_object(types))
        return error_set(err, ERROR_INVALID, "MCP_CUSTOM_MEMORY_TYPES: not a JSON object");
    is_ok =
        take_types(&m->arena, types, &list, err) || error_wrap(err, "MCP_CUSTOM_MEMORY_TYPES");
    if (is_ok) {
        struct custom_type *copy = ARENA_NEW(&m->arena, struct custom_type, list.len);

        if (list.len)
            memcpy(copy, list.ptr, list.len * sizeof(*copy));
        m->custom_types = copy;
        m->n_custom_types = list.len;
    }
    VEC_DEINIT(&list);
    return is_ok;
}

/* -- asking ----------------------------------------------------------------------------------- */

static bool is_builtin(struct str type)
{
    for (size_t i = 0; i < COUNT(ontology); i++) {
        if (str_eq_c(type, ontology[i].base))
            return true;
        for (size_t k = 0; k < SUBTYPES_MAX && ontology[i].subtypes[k]; k++) {
            if (str_eq_c(type, ontology[i].subtypes[k]))
                return true;
        }
    }
    return false;
}

bool memory_type_is_known(const struct memory_service *m, struct str type)
{
    if (is_builtin(type))
        return true;
    for (size_t i = 0; i < m->n_custom_types; i++) {
        const struct custom_type *t = &m->custom_types[i];

        if (str_eq(type, t->name.len ? t->name : t->base))
            return true;
    }
    return false;
}

struct str type_resolve(const struct memory_service *m, struct str type,
                        struct str *out_requested)
{
    *out_requested = (struct str){0};
    if (memory_type_is_known(m, type))
        return type;
    *out_requested = type.ptr ? type : STR("");
    return TYPE_FALLBACK;
}

void memory_type_family(const struct memory_service *m, struct arena *a, struct str type,
                        const struct str **out, size_t *out_n)
{
    struct str *family = ARENA_NEW(a, struct str, 1 + SUBTYPES_MAX + m->n_custom_types);
    size_t n = 0;

    family[n++] = type;
    for (size_t i = 0; i < COUNT(ontology); i++) {
        if (!str_eq_c(type, ontology[i].base))
            continue;
        for (size_t k = 0; k < SUBTYPES_MAX && ontology[i].subtypes[k]; k++)
            family[n++] = str_c(ontology[i].subtypes[k]);
    }
    for (size_t i = 0; i < m->n_custom_types; i++) {
        if (str_eq(type, m->custom_types[i].base) && m->custom_types[i].name.len)
            family[n++] = m->custom_types[i].name;
    }
    *out = family;
    *out_n = n;
}
