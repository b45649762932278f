/* The conversation with the host (see ../PROTOCOL.md). */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

#include "identity.h"

/* Say HELLO, and send what is in the ring. */
void host_start(const struct identity *identity);

/* Take what came in, send what is due, and hand outcomes to the keypads. Call often. */
void host_run(void);

#endif
