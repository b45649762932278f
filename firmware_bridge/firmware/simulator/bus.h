/* The master of the keypad bus, and the keypads. */
#ifndef BUS_H
#define BUS_H

#include <stddef.h>
#include <stdint.h>

void bus_connect(void);
void bus_put(const uint8_t *bytes, size_t count);
void bus_press(const char *keypad, const char *key);
void bus_report_idle(void); /* once all was said, and nothing came for 2 ms of the chip's time */

#endif
