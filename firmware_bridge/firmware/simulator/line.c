#define _GNU_SOURCE
#include "line.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <avr_uart.h>

#include "chip.h"
#include "console.h"

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

const char *line_open(bool dtr_resets)
{
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    /* Without this a chip that polls its UART is slowed to a crawl. */
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POOL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uint32_t uart = AVR_IOCTL_UART_GETIRQ('0');
    uart_in = avr_io_getirq(avr, uart, UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUTPUT), on_uart_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XON), on_uart_flow, &uart_takes);
    avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XOFF), on_uart_flow, NULL);

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
    return slave_path;
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

void line_report(void)
{
    struct termios settings;
    tcgetattr(master, &settings);
    say("line hupcl=%d speed=%u", (settings.c_cflag & HUPCL) != 0, line_speed(&settings));
}

/* A pty has no DTR. A real line raises it at open, and drops it at close if HUPCL is set; on many
 * boards its rise resets the chip. */
void line_watch(void)
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

void line_exchange(void)
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
