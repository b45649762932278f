/* What the simulator's parts know of each other. */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sim_avr.h>

#define CPU_HZ 16000000
#define CYCLES_PER_US (CPU_HZ / 1000000)
#define RAM_START 0x100

enum cause { POWER_ON = 1, EXTERNAL = 2, WATCHDOG = 8 }; /* bits of MCUSR */

/* simulator.c */
extern avr_t *avr;
void say(const char *format, ...);
_Noreturn void fail(const char *what);
bool parse_hex(const char *text, uint8_t *bytes, size_t count);
void reset(enum cause cause);
void reset_after(uint32_t delay_us); /* by the reset pin */

/* eeprom.c: EEPROM that outlives the process. `file` and `serial` may be NULL. */
void eeprom_load(const char *file, const char *serial);
void eeprom_store(void);

/* bus.c: the master of the keypad bus, and the keypads. */
void bus_connect(void);
void bus_start(void);
void bus_put(const uint8_t *bytes, size_t count);
void bus_press(const char *keypad, const char *key);

/* line.c: the UART on a pty. `dtr_resets` models a board whose DTR line resets the chip. */
const char *line_open(bool dtr_resets);
void line_exchange(void);
void line_watch(void);
void line_report(void);

/* commands.c: what stdin says. False when it is time to stop. */
bool commands_run(void);

#endif
