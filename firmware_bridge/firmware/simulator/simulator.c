/* The receiver's firmware on a simulated ATmega328P, paced to real time.
 *
 *   simulator FIRMWARE.elf [-e EEPROM_FILE] [-s SERIAL] [-f FLASH_FILE] [-b BOOTLOADER.hex] [-d] [-n]
 *             [-r SEED]
 *
 * -e keeps the EEPROM in a file, -s gives a blank EEPROM this serial number (16 hex digits), -d models
 * a board whose DTR line resets the chip, -r seeds what RAM holds when power comes on. -f keeps flash in
 * a file, which is made of FIRMWARE and BOOTLOADER when it is not there; with -b the chip starts there.
 * -n puts an nRF24L01+ on its SPI, in place of the keypad bus.
 *
 * Its UART is a pty; a concentrator of keypads hangs on its SPI (see ../README.md). Commands on stdin:
 *   press KEYPAD [KEY]     KEYPAD is 8 hex digits
 *   noise HEX              these bytes on the keypad bus
 *   idle                   report when the keypad bus has said all, and nothing came for 2 ms
 *   wiegand BITS [US]      these bits ("0" and "1") on the card reader's lines, one every so many us;
 *                          reported when they have rested for 40 ms
 *   close|open N [BOUNCES] the switch on PCN closes or opens, bouncing so often
 *   air ADDRESS CHANNEL PAYLOAD    with -n: a packet, in hex as it goes over the air
 *   reset warm|watchdog|cold
 *   glitch MICROSECONDS    a warm reset, and another one so much later
 *   spoil ADDRESS          flip one bit of RAM at this hex address
 *   cut COUNT              the power fails before the COUNT-th erasure or write of a page from now
 *   line                   report what the host has set on the pty
 *   quit
 * Reports on stdout:
 *   pty PATH / outcome KEYPAD CODE / bus idle / wiegand sent /
 *   heard|unheard PAYLOAD / air CHANNEL ADDRESS PAYLOAD / lamp locate|question 0|1 / reset KIND / line hupcl=0|1 speed=N /
 *   stack lowest=ADDRESS (at the end: how far down the stack ever came)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "chip.h"
#include "commands.h"
#include "console.h"
#include "eeprom.h"
#include "flash.h"
#include "line.h"
#include "nrf24.h"
#include "pins.h"

#define SLICE_CYCLES (500 * CYCLES_PER_US)

static volatile sig_atomic_t stopping;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Wait until real time has caught up with the chip's; when it cannot keep up, let it fall behind. */
static void pace(bool restart)
{
    static int64_t began_ns;
    static avr_cycle_count_t began_cycle;
    int64_t ahead_ns =
        (int64_t)(avr->cycle - began_cycle) * 1000 / CYCLES_PER_US - (now_ns() - began_ns);
    if (restart || ahead_ns < -200000000 || avr->cycle < began_cycle) {
        began_ns = now_ns();
        began_cycle = avr->cycle;
    } else if (ahead_ns > 500000) {
        struct timespec pause = {0, ahead_ns > 20000000 ? 20000000 : ahead_ns};
        nanosleep(&pause, NULL);
    }
}

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void run(void)
{
    avr_cycle_count_t slice_end = 0;
    pace(true);
    while (!stopping) {
        chip_step();
        if (avr->cycle < slice_end && slice_end - avr->cycle <= SLICE_CYCLES)
            continue;
        slice_end = avr->cycle + SLICE_CYCLES; /* the cycle counter may go back at a reset */
        if (!commands_run())
            break;
        line_watch();
        line_exchange();
        eeprom_store();
        pace(false);
    }
    eeprom_store();
}

int main(int count, char **words)
{
    const char *eeprom_file = NULL, *serial = NULL, *flash_file = NULL, *bootloader = NULL;
    bool dtr_resets = false, radio = false;
    int option;
    console_open();
    srandom(1);
    while ((option = getopt(count, words, "e:s:f:b:dnr:")) > 0) {
        switch (option) {
        case 'e':
            eeprom_file = optarg;
            break;
        case 's':
            serial = optarg;
            break;
        case 'f':
            flash_file = optarg;
            break;
        case 'b':
            bootloader = optarg;
            break;
        case 'd':
            dtr_resets = true;
            break;
        case 'n':
            radio = true;
            break;
        case 'r':
            srandom((unsigned)strtoul(optarg, NULL, 10));
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != count)
        fail("give the firmware's ELF file");
    chip_make(words[optind]);
    flash_open(flash_file, bootloader);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    errno = 0;
    eeprom_load(eeprom_file, serial);
    lamps_connect();
    if (radio)
        nrf24_connect();
    else
        bus_connect();
    pins_connect();
    const char *path = line_open(dtr_resets);
    reset(POWER_ON);
    say("pty %s", path);
    run();
    say("stack lowest=0x%04X", chip_lowest_stack());
    return 0;
}
