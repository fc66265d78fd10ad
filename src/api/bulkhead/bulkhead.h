// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_BULKHEAD_BULKHEAD_H
#define BULKHEAD_API_BULKHEAD_BULKHEAD_H

/* Handlers below /bulkhead/v1. */

#include "api/request.h"

void bulkhead_version(struct api_request *r);
void bulkhead_containers(struct api_request *r);
void bulkhead_boundary(struct api_request *r);

#endif
