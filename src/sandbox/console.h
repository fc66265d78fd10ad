// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_SANDBOX_CONSOLE_H
#define BULKHEAD_SANDBOX_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "spec/oci.h"

/* Inside the container's mount namespace: make a pseudoterminal from its own devpts. bind: also
 * mount the terminal's end at /dev/console. plain: line ends of the output stay
 * as they are written. Both descriptors are proved to belong to a devpts file
 * system: nothing an image puts at /dev/pts is taken for one. */
int console_make(const struct oci_process *process, bool bind, bool plain, int *ret_master,
	int *ret_terminal, struct bh_error *err);
/* Make terminal the controlling terminal and descriptors 0, 1, 2. The caller leads a session. */
int console_take(int terminal, struct bh_error *err);
/* Send the master to the peer of a console socket, as runc does (SCM_RIGHTS, name as data). */
int console_send(int socket, int master, struct bh_error *err);

#endif
