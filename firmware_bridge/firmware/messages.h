/* Generated: python -m firmware_bridge.message_table > firmware/messages.h */
#ifndef MESSAGES_H
#define MESSAGES_H

#define PROTOCOL_MAJOR 1
#define PROTOCOL_MINOR 1
#define MAX_KEY_BYTES 12
#define MAX_PRESSES_IN_FRAME 8
#define MAX_OUTCOMES_IN_FRAME 64
#define MAX_WIEGAND_BITS 64

/* major:u8 minor:u8 firmware:u8[3] board:u8 serial:u8[8] boot:u16 ring_boot:u16 clock:u32 ring_capacity:u16 ring_waiting:u16 first_seq:u32 refused:u32 lost:u32 table_count:u8 (type:u8 layout_crc:u16)[table_count] */
#define MSG_HELLO 0x01
/* boot:u16 first_seq:u32 count:u8 (time:u32 keypad:u8[4] key_length:u8 key:ascii[key_length])[count] */
#define MSG_PRESSES 0x02
/* token:u8 received:u32 sent:u32 */
#define MSG_TIME 0x03
/* boot:u16 ring_waiting:u16 refused:u32 lost:u32 resent:u32 junk_frames:u32 overruns:u32 shown:u16 */
#define MSG_STATUS 0x04
/* number:u8 bit_count:u8 bits:u8[8] */
#define MSG_WIEGAND 0x10
/* closed:u8 */
#define MSG_SWITCHES 0x11
/* (empty) */
#define MSG_HELLO_REQUEST 0x41
/* boot:u16 first_seq:u32 count:u8 code:u8[count] */
#define MSG_OUTCOMES 0x42
/* token:u8 */
#define MSG_TIME_REQUEST 0x43
/* (empty) */
#define MSG_STATUS_REQUEST 0x44
/* number:u16 kind:u8 options:u8 */
#define MSG_SHOW 0x45
/* seconds:u8 */
#define MSG_LOCATE 0x46
/* wiegand:u8 */
#define MSG_READERS 0x50
/* channel:u8 address:u8[3] */
#define MSG_RADIO 0x51

#ifdef RADIO
#define RADIO_ROW , \
    0x51, 0x87, 0x96
#define RADIO_MESSAGES 1
#else
#define RADIO_ROW
#define RADIO_MESSAGES 0
#endif
#define MESSAGE_COUNT (13 + RADIO_MESSAGES)
#define MESSAGE_TABLE \
    0x01, 0xFC, 0xB2, \
    0x02, 0x19, 0x7B, \
    0x03, 0xE3, 0xF8, \
    0x04, 0x4A, 0xFF, \
    0x10, 0x59, 0x33, \
    0x11, 0x18, 0xF6, \
    0x41, 0xDE, 0x6F, \
    0x42, 0x78, 0x3B, \
    0x43, 0xC7, 0xFA, \
    0x44, 0xAF, 0xAA, \
    0x45, 0x13, 0x5F, \
    0x46, 0x20, 0x6E, \
    0x50, 0xDB, 0xA7 RADIO_ROW

#endif
