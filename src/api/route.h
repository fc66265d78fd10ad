// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_ROUTE_H
#define BULKHEAD_API_ROUTE_H

/*
 * The routing table as data: what is served, since which API version, under which authorization
 * verb, and by whom. Routes of Docker's API that this build does not serve are rows too, with the
 * reason. Patterns: "{}" is one path segment, "{*}" one or more. Only the first API_ARGS_MAX are
 * kept.
 */

#include <stdbool.h>

#include "api/http_parse.h"
#include "guard/verb.h"

struct api_request;

enum api_body {
	API_BODY_NONE,     /* what comes is ignored */
	API_BODY_JSON,     /* required */
	API_BODY_OPTIONAL, /* JSON, or nothing */
	API_BODY_UPLOAD,   /* spooled to a file */
};

enum api_space {
	API_DOCKER,   /* below /vN.M or unversioned */
	API_BULKHEAD, /* below /bulkhead/v1 */
};

struct api_route {
	enum api_space space;
	enum http_method method; /* HEAD is served by GET rows */
	const char *pattern;
	unsigned int since; /* minor version; 0: always */
	enum guard_verb verb;
	enum api_body body;
	void (*handler)(struct api_request *r); /* NULL: refused */
	int refusal_status;
	const char *refusal; /* what is not supported, and what would work */
};

const struct api_route *api_routes(size_t *ret_count);

struct api_match {
	const struct api_route *route;
	unsigned int version; /* minor; API_VERSION_MAX when unversioned */
	char *args[2];        /* point into the path */
};

/* Find the route of a decoded path (modified). Returns 0, or the HTTP status of the failure with
 * the message in err. Pure. */
int api_route_find(
	enum http_method method, char *path, struct api_match *ret, struct bh_error *err);

#endif
