/* The UART on a pty. */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>

const char *line_open(bool dtr_resets); /* `dtr_resets`: a board whose DTR line resets the chip */
void line_exchange(void);
void line_watch(void);
void line_report(void);

#endif
