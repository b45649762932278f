/* What stdin says. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>

bool commands_run(void); /* false when it is time to stop */

#endif
