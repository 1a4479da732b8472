/*
 * rest_int.h - what the resources share: a table row each, and how JSON becomes a reply.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REST_REST_INT_H
#define REST_REST_INT_H

#include "rest/rest.h"

#include "json/json.h"

struct rest_resource {
    const char *method;
    const char *path;
    void (*handle)(struct http_request *r, void *memory);
};

extern const struct rest_resource rest_health, rest_health_alias;

void rest_reply(struct http_request *r, int status, json_t *body /* stolen */);

#endif
