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
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <avr_eeprom.h>
#include <avr_ioport.h>
#include <avr_spi.h>
#include <avr_uart.h>
#include <sim_avr.h>
#include <sim_elf.h>

#include "../cobs.h"
#include "../crc.h"
#include "../keypads.h"

#define CPU_HZ 16000000
#define CYCLES_PER_US (CPU_HZ / 1000000)
#define SLICE_CYCLES (500 * CYCLES_PER_US)
#define BUS_BYTE_CYCLES (50 * CYCLES_PER_US)
#define BUS_IDLE_CYCLES (500 * CYCLES_PER_US)
#define MCUSR_ADDRESS 0x54
#define SP_ADDRESS 0x5D
#define RAM_START 0x100
#define BUS_QUEUE_BYTES (1u << 20)

enum cause { POWER_ON = 1, EXTERNAL = 2, WATCHDOG = 8 }; /* bits of MCUSR */

static avr_t *avr;
static FILE *reports; /* simavr itself chats on stdout, so that goes to stderr */
static volatile sig_atomic_t stopping;

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(reports, format, arguments);
    va_end(arguments);
    fputc('\n', reports);
    fflush(reports);
}

static void fail(const char *what)
{
    fprintf(stderr, "simulator: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

/* ---- power, resets, EEPROM --------------------------------------------------------------------- */

static const char *eeprom_file;
static uint8_t eeprom_stored[1024];
static uint16_t lowest_stack = 0xFFFF;

static uint8_t *eeprom(void)
{
    avr_eeprom_desc_t all = {.ee = NULL, .offset = 0, .size = sizeof eeprom_stored};
    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &all);
    return all.ee;
}

static void eeprom_store(void)
{
    if (!eeprom_file || memcmp(eeprom_stored, eeprom(), sizeof eeprom_stored) == 0)
        return;
    memcpy(eeprom_stored, eeprom(), sizeof eeprom_stored);
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", eeprom_file);
    FILE *file = fopen(temporary, "wb");
    if (!file || fwrite(eeprom_stored, sizeof eeprom_stored, 1, file) != 1 || fclose(file) ||
        rename(temporary, eeprom_file))
        fail(eeprom_file);
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (!isxdigit((unsigned char)text[2 * i]) || sscanf(text + 2 * i, "%2x", &value) != 1)
            return false;
        bytes[i] = (uint8_t)value;
    }
    return true;
}

static void eeprom_load(const char *serial)
{
    memset(eeprom(), 0xFF, sizeof eeprom_stored);
    FILE *file = eeprom_file ? fopen(eeprom_file, "rb") : NULL;
    if (file) {
        if (fread(eeprom(), sizeof eeprom_stored, 1, file) != 1)
            fail(eeprom_file);
        fclose(file);
    } else if (serial) {
        uint8_t slot[10] = {0}; /* serial, boot 0; then the CRC, little endian as the chip keeps it */
        if (strlen(serial) != 16 || !parse_hex(serial, slot, 8))
            fail("a serial number is 16 hex digits");
        uint16_t crc = crc_of(slot, sizeof slot);
        memcpy(eeprom(), slot, sizeof slot);
        eeprom()[10] = (uint8_t)crc;
        eeprom()[11] = (uint8_t)(crc >> 8);
    }
    memcpy(eeprom_stored, eeprom(), sizeof eeprom_stored);
}

static void bus_start(void);

static void reset(enum cause cause)
{
    if (cause == POWER_ON)
        for (uint32_t at = RAM_START; at <= avr->ramend; at++)
            avr->data[at] = (uint8_t)random();
    avr_reset(avr);
    avr->data[MCUSR_ADDRESS] = cause;
    bus_start();
}

/* ---- the keypad bus: we are its master --------------------------------------------------------- */

static uint8_t bus_queue[BUS_QUEUE_BYTES];
static size_t bus_first, bus_after;
static struct frame_decoder bus_decoder;
static uint8_t bus_body[BUS_MAX_BODY_BYTES + 2];
static uint8_t bus_heard;
static avr_irq_t *bus_in;

static void bus_put(const uint8_t *bytes, size_t count)
{
    if (bus_first == bus_after)
        bus_first = bus_after = 0;
    if (bus_after + count > sizeof bus_queue)
        fail("too much on the keypad bus");
    memcpy(bus_queue + bus_after, bytes, count);
    bus_after += count;
}

static void bus_press(const char *keypad, const char *key)
{
    uint8_t frame[BUS_MAX_BODY_BYTES + FRAME_OVERHEAD_BYTES];
    size_t key_bytes = strlen(key);
    if (strlen(keypad) != 8 || !parse_hex(keypad, frame + 2, 4) || key_bytes > MAX_KEY_BYTES) {
        say("error: press %s %s", keypad, key);
        return;
    }
    frame[1] = BUS_PRESS;
    memcpy(frame + 6, key, key_bytes);
    bus_put(frame, frame_close(frame, (uint8_t)(5 + key_bytes)));
}

static void bus_on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)parameter;
    bus_heard = (uint8_t)value;
    uint8_t body_bytes = frame_decoder_take(&bus_decoder, bus_heard);
    if (body_bytes == 6 && bus_body[0] == BUS_OUTCOME)
        say("outcome %02X%02X%02X%02X %02X", bus_body[1], bus_body[2], bus_body[3], bus_body[4],
            bus_body[5]);
}

/* One byte each way; fast while there is something to say or to hear. */
static avr_cycle_count_t bus_step(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)parameter;
    bool busy = bus_first < bus_after;
    uint8_t byte = busy ? bus_queue[bus_first++] : 0;
    bus_heard = 0;
    avr_raise_irq(bus_in, byte);
    return when + (busy || bus_heard ? BUS_BYTE_CYCLES : BUS_IDLE_CYCLES);
}

static void bus_start(void)
{
    frame_decoder_init(&bus_decoder, bus_body, sizeof bus_body);
    avr_cycle_timer_register(avr, BUS_IDLE_CYCLES, bus_step, NULL);
}

static void on_lamp(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    say("lamp %s %u", (const char *)parameter, value);
}

/* ---- the UART on a pty ------------------------------------------------------------------------- */

static int master, slave, watch = -1;
static char slave_path[64];
static uint8_t sent[65536];
static size_t sent_bytes;
static uint8_t come[256];
static size_t come_first, come_after;
static bool uart_takes = true;
static bool dtr_raised;
static avr_irq_t *uart_in;

static void on_uart_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)parameter;
    if (sent_bytes < sizeof sent) /* nobody reads: a real line loses them too */
        sent[sent_bytes++] = (uint8_t)value;
}

static void on_uart_flow(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)value;
    uart_takes = parameter != NULL;
}

static void line_open(bool dtr_resets)
{
    struct termios settings;
    if (openpty(&master, &slave, slave_path, NULL, NULL))
        fail("openpty");
    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    settings.c_cflag |= HUPCL;
    tcsetattr(slave, TCSANOW, &settings);
    fcntl(master, F_SETFL, O_NONBLOCK);
    if (dtr_resets) {
        watch = inotify_init1(IN_NONBLOCK);
        inotify_add_watch(watch, slave_path, IN_OPEN | IN_CLOSE);
    }
}

static unsigned line_speed(const struct termios *settings)
{
    switch (cfgetospeed(settings)) {
    case B115200:
        return 115200;
    case B230400:
        return 230400;
    case B9600:
        return 9600;
    default:
        return 0;
    }
}

static void line_report(void)
{
    struct termios settings;
    tcgetattr(master, &settings);
    say("line hupcl=%d speed=%u", (settings.c_cflag & HUPCL) != 0, line_speed(&settings));
}

/* A pty has no DTR. A real line raises it at open, and drops it at close if HUPCL is set; on many
 * boards its rise resets the chip. */
static void line_watch(void)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = watch < 0 ? 0 : read(watch, events, sizeof events);
    for (ssize_t at = 0; at < got;) {
        struct inotify_event *event = (struct inotify_event *)(events + at);
        at += (ssize_t)(sizeof *event + event->len);
        struct termios settings;
        tcgetattr(master, &settings);
        if (event->mask & IN_OPEN && !dtr_raised) {
            dtr_raised = true;
            reset(EXTERNAL);
            say("reset dtr");
        } else if (event->mask & IN_CLOSE && settings.c_cflag & HUPCL) {
            dtr_raised = false;
        }
    }
}

static void line_exchange(void)
{
    if (sent_bytes) {
        ssize_t wrote = write(master, sent, sent_bytes);
        if (wrote > 0) {
            memmove(sent, sent + wrote, sent_bytes - (size_t)wrote);
            sent_bytes -= (size_t)wrote;
        }
    }
    if (come_first == come_after) {
        ssize_t got = read(master, come, sizeof come);
        come_first = 0;
        come_after = got > 0 ? (size_t)got : 0;
    }
    while (uart_takes && come_first < come_after)
        avr_raise_irq(uart_in, come[come_first++]);
}

/* ---- commands ---------------------------------------------------------------------------------- */

static avr_cycle_count_t second_reset(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)when;
    *(bool *)parameter = true;
    return 0;
}

static bool glitch_due;

static void command(char *line)
{
    char word[16] = "", first[2 * 4096] = "", second[64] = "";
    sscanf(line, "%15s %8191s %63[^\n]", word, first, second);
    if (strcmp(word, "press") == 0) {
        bus_press(first, second);
    } else if (strcmp(word, "noise") == 0) {
        uint8_t bytes[4096];
        size_t count = strlen(first) / 2;
        if (parse_hex(first, bytes, count))
            bus_put(bytes, count);
    } else if (strcmp(word, "reset") == 0) {
        enum cause cause = strcmp(first, "cold") == 0       ? POWER_ON
                           : strcmp(first, "watchdog") == 0 ? WATCHDOG
                                                            : EXTERNAL;
        reset(cause);
        say("reset %s", first);
    } else if (strcmp(word, "glitch") == 0) {
        reset(EXTERNAL);
        avr_cycle_timer_register(avr, strtoul(first, NULL, 10) * CYCLES_PER_US, second_reset,
                                 &glitch_due);
    } else if (strcmp(word, "line") == 0) {
        line_report();
    } else if (strcmp(word, "quit") == 0) {
        stopping = 1;
    } else {
        say("error: %s", line);
    }
}

static void read_commands(void)
{
    static char buffer[16384];
    static size_t filled;
    ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled - 1);
    if (got == 0)
        stopping = 1;
    if (got <= 0)
        return;
    filled += (size_t)got;
    char *end, *from = buffer;
    while ((end = memchr(from, '\n', filled - (size_t)(from - buffer)))) {
        *end = 0;
        command(from);
        from = end + 1;
    }
    filled -= (size_t)(from - buffer);
    memmove(buffer, from, filled);
    if (filled == sizeof buffer - 1)
        filled = 0;
}

/* ---- time -------------------------------------------------------------------------------------- */

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

static void connect_chip(void)
{
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POOL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uint32_t uart = AVR_IOCTL_UART_GETIRQ('0');
    uart_in = avr_io_getirq(avr, uart, UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUTPUT), on_uart_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XON), on_uart_flow, &uart_takes);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XOFF), on_uart_flow, NULL);
    bus_in = avr_io_getirq(avr, AVR_IOCTL_SPI_GETIRQ(0), SPI_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_SPI_GETIRQ(0), SPI_IRQ_OUTPUT),
                            bus_on_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 4), on_lamp, "locate");
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 5), on_lamp,
                            "question");
}

static void run(void)
{
    avr_cycle_count_t slice_end = 0;
    pace(true);
    while (!stopping) {
        int state = avr_run(avr);
        if (state == cpu_Crashed || state == cpu_Done)
            fail("the chip has stopped");
        uint16_t stack = (uint16_t)(avr->data[SP_ADDRESS] | avr->data[SP_ADDRESS + 1] << 8);
        if (stack < lowest_stack && stack > RAM_START)
            lowest_stack = stack;
        if (glitch_due) {
            glitch_due = false;
            reset(EXTERNAL);
            say("reset glitch");
        }
        if (avr->cycle < slice_end && slice_end - avr->cycle <= SLICE_CYCLES)
            continue;
        slice_end = avr->cycle + SLICE_CYCLES; /* the cycle counter may go back at a reset */
        read_commands();
        line_watch();
        line_exchange();
        eeprom_store();
        pace(false);
    }
    eeprom_store();
}

int main(int count, char **words)
{
    const char *serial = NULL;
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
    eeprom_load(serial);
    connect_chip();
    line_open(dtr_resets);
    reset(POWER_ON);
    say("pty %s", slave_path);
    run();
    say("stack lowest=0x%04X", lowest_stack);
    return 0;
}
