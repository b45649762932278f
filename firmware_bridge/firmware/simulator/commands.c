#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "chip.h"
#include "console.h"
#include "flash.h"
#include "line.h"
#include "nrf24.h"
#include "pins.h"

static bool stopping;

static void command(char *line)
{
    char word[16] = "", first[2 * 4096] = "", second[64] = "";
    sscanf(line, "%15s %8191s %63[^\n]", word, first, second);
    if (strcmp(word, "press") == 0) {
        bus_press(first, second);
    } else if (strcmp(word, "wiegand") == 0) {
        pins_wiegand(first, second[0] ? (uint32_t)strtoul(second, NULL, 10) : 1000);
    } else if (strcmp(word, "open") == 0 || strcmp(word, "close") == 0) {
        pins_switch((uint8_t)strtoul(first, NULL, 10), word[0] == 'c',
                    (uint8_t)strtoul(second, NULL, 10));
    } else if (strcmp(word, "noise") == 0) {
        uint8_t bytes[4096];
        size_t count = strlen(first) / 2;
        if (parse_hex(first, bytes, count))
            bus_put(bytes, count);
    } else if (strcmp(word, "air") == 0) {
        nrf24_air(first, second);
    } else if (strcmp(word, "idle") == 0) {
        bus_report_idle();
    } else if (strcmp(word, "reset") == 0) {
        enum cause cause = strcmp(first, "cold") == 0       ? POWER_ON
                           : strcmp(first, "watchdog") == 0 ? WATCHDOG
                                                            : EXTERNAL;
        reset(cause);
        say("reset %s", first);
    } else if (strcmp(word, "glitch") == 0) {
        reset(EXTERNAL);
        reset_after((uint32_t)strtoul(first, NULL, 10));
    } else if (strcmp(word, "spoil") == 0) {
        chip_spoil((uint16_t)strtoul(first, NULL, 16));
    } else if (strcmp(word, "cut") == 0) {
        flash_cut_after((uint32_t)strtoul(first, NULL, 10));
        say("cut armed");
    } else if (strcmp(word, "line") == 0) {
        line_report();
    } else if (strcmp(word, "quit") == 0) {
        stopping = true;
    } else {
        say("error: %s", line);
    }
}

bool commands_run(void)
{
    static char buffer[16384];
    static size_t filled;
    ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled - 1);
    if (got == 0)
        stopping = true;
    if (got <= 0)
        return !stopping;
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
    return !stopping;
}
