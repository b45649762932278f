/* The receiver's firmware on a simulated ATmega328P, paced to real time.
 *
 *   simulator FIRMWARE.elf [-e EEPROM_FILE] [-s SERIAL] [-d] [-r SEED]
 *
 * -e keeps the EEPROM in a file, -s gives a blank EEPROM this serial number (16 hex digits), -d models
 * a board whose DTR line resets the chip, -r seeds what RAM holds when power comes on.
 *
 * Its UART is a pty; a concentrator of keypads hangs on its SPI (see ../README.md). Commands on stdin:
 *   press KEYPAD [KEY]     KEYPAD is 8 hex digits
 *   noise HEX              these bytes on the keypad bus
 *   reset warm|watchdog|cold
 *   glitch MICROSECONDS    a warm reset, and another one so much later
 *   line                   report what the host has set on the pty
 *   quit
 * Reports on stdout:
 *   pty PATH / outcome KEYPAD CODE / lamp locate|question 0|1 / reset KIND / line hupcl=0|1 speed=N /
 *   stack lowest=ADDRESS (at the end: how far down the stack ever came)
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sim_elf.h>

#include "simulator.h"

#define SLICE_CYCLES (500 * CYCLES_PER_US)
#define MCUSR_ADDRESS 0x54
#define SP_ADDRESS 0x5D

avr_t *avr;
static FILE *reports; /* simavr itself chats on stdout, so that goes to stderr */
static volatile sig_atomic_t stopping;
static uint16_t lowest_stack = 0xFFFF;

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(reports, format, arguments);
    va_end(arguments);
    fputc('\n', reports);
    fflush(reports);
}

void fail(const char *what)
{
    fprintf(stderr, "simulator: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

bool parse_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (!isxdigit((unsigned char)text[2 * i]) || sscanf(text + 2 * i, "%2x", &value) != 1)
            return false;
        bytes[i] = (uint8_t)value;
    }
    return true;
}

void reset(enum cause cause)
{
    if (cause == POWER_ON)
        for (uint32_t at = RAM_START; at <= avr->ramend; at++)
            avr->data[at] = (uint8_t)random();
    avr_reset(avr);
    avr->data[MCUSR_ADDRESS] = cause;
    bus_start();
}

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

static void do_not_sleep(avr_t *chip, avr_cycle_count_t how_long)
{
    (void)chip;
    (void)how_long; /* pace() does */
}

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static bool reset_due;

static avr_cycle_count_t on_reset_due(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)when;
    (void)parameter;
    reset_due = true; /* a reset within avr_run() would confuse it */
    return 0;
}

void reset_after(uint32_t delay_us)
{
    avr_cycle_timer_register(avr, delay_us * CYCLES_PER_US, on_reset_due, NULL);
}

static void run(void)
{
    avr_cycle_count_t slice_end = 0;
    pace(true);
    while (!stopping) {
        int state = avr_run(avr);
        if (state == cpu_Crashed || state == cpu_Done)
            fail("the chip has stopped");
        if (reset_due) {
            reset_due = false;
            reset(EXTERNAL);
            say("reset glitch");
        }
        uint16_t stack = (uint16_t)(avr->data[SP_ADDRESS] | avr->data[SP_ADDRESS + 1] << 8);
        if (stack < lowest_stack && stack > RAM_START)
            lowest_stack = stack;
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
    const char *eeprom_file = NULL, *serial = NULL;
    bool dtr_resets = false;
    int option;
    reports = fdopen(dup(STDOUT_FILENO), "w");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    srandom(1);
    while ((option = getopt(count, words, "e:s:dr:")) > 0) {
        switch (option) {
        case 'e':
            eeprom_file = optarg;
            break;
        case 's':
            serial = optarg;
            break;
        case 'd':
            dtr_resets = true;
            break;
        case 'r':
            srandom((unsigned)strtoul(optarg, NULL, 10));
            break;
        default:
            return 2;
        }
    }
    elf_firmware_t firmware = {0};
    if (optind + 1 != count || elf_read_firmware(words[optind], &firmware))
        fail("give the firmware's ELF file");
    avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = CPU_HZ; /* avr_init() has set 1 MHz */
    avr->log = LOG_ERROR;
    avr->sleep = do_not_sleep;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    errno = 0;
    eeprom_load(eeprom_file, serial);
    bus_connect();
    const char *path = line_open(dtr_resets);
    reset(POWER_ON);
    say("pty %s", path);
    run();
    say("stack lowest=0x%04X", lowest_stack);
    return 0;
}
