/*
 * rest.c - the table of resources, and what their handlers have in common.
 *
 * To add one: a file with its handlers and table rows, and the rows' names below.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/rest_int.h"

void rest_reply(struct http_request *r, int status, json_t *body)
{
    json_write(http_reply_body(r), body);
    json_decref(body);
    http_reply(r, status, "application/json");
}

static const char *write_refusal(int status, struct str text, struct buf *body)
{
    json_t *detail = json_must(json_pack("{s:o}", "detail", json_str(text)));

    (void)status;
    json_write(body, detail);
    json_decref(detail);
    return "application/json";
}

void rest_add(struct http_server *http, struct memory_service *memory)
{
    const struct rest_resource *const resources[] = {&rest_health, &rest_health_alias};

    for (size_t i = 0; i < COUNT(resources); i++)
        http_server_add(http, &(struct http_route){.method = resources[i]->method,
                                                   .path = resources[i]->path,
                                                   .handle = resources[i]->handle,
                                                   .ctx = memory,
                                                   .write_refusal = write_refusal});
}
