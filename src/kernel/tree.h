// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_TREE_H
#define BULKHEAD_KERNEL_TREE_H

#include <stdint.h>

#include "base/error.h"

#define TREE_NO_BUDGET UINT64_MAX

/* Remove everything below directory dir: no link is followed, no other file system entered, any
 * depth. budget: most entries touched before it gives up with -EAGAIN, so that a caller with other
 * duties can bound its time; what was removed stays removed. */
int tree_remove_contents(int dir, uint64_t budget, struct bh_error *err);
/* Remove one entry of dir, whatever it is; none is success. */
int tree_remove(int dir, const char *name, uint64_t budget, struct bh_error *err);

#endif
