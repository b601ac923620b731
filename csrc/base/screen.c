/* One pass over the text; it never grows. */
#include "base/screen.h"

#include <string.h>

#include "base/codec.h"

/* First and last of each range, in their order. Default-ignorable characters and format characters
 * of Unicode 15, controls, and blanks that are no spaces. */
static const struct {
    uint32_t first, last;
} UNSAFE[] = {
    { 0x0000, 0x001f },   /* C0 controls */
    { 0x007f, 0x009f },   /* delete, C1 controls */
    { 0x00ad, 0x00ad },   /* soft hyphen */
    { 0x034f, 0x034f },   /* combining grapheme joiner */
    { 0x0600, 0x0605 },   /* Arabic number signs */
    { 0x061c, 0x061c },   /* Arabic letter mark */
    { 0x06dd, 0x06dd },   /* Arabic end of ayah */
    { 0x070f, 0x070f },   /* Syriac abbreviation mark */
    { 0x0890, 0x0891 },   /* Arabic pound and piastre marks */
    { 0x08e2, 0x08e2 },   /* Arabic disputed end of ayah */
    { 0x115f, 0x1160 },   /* Hangul fillers */
    { 0x17b4, 0x17b5 },   /* Khmer inherent vowels */
    { 0x180b, 0x180f },   /* Mongolian variation selectors, vowel separator */
    { 0x200b, 0x200f },   /* zero-width characters, direction marks */
    { 0x2028, 0x202e },   /* line and paragraph separators, direction embeddings and overrides */
    { 0x2060, 0x206f },   /* word joiner, invisible operators, direction isolates */
    { 0x2800, 0x2800 },   /* Braille blank */
    { 0x3164, 0x3164 },   /* Hangul filler */
    { 0xfe00, 0xfe0f },   /* variation selectors */
    { 0xfeff, 0xfeff },   /* byte order mark */
    { 0xffa0, 0xffa0 },   /* halfwidth Hangul filler */
    { 0xfff0, 0xfffb },   /* unassigned ignorables, interlinear annotations */
    { 0x110bd, 0x110bd }, /* Kaithi number sign */
    { 0x110cd, 0x110cd }, /* Kaithi number sign above */
    { 0x13430, 0x1343f }, /* Egyptian hieroglyph format controls */
    { 0x1bca0, 0x1bca3 }, /* shorthand format controls */
    { 0x1d173, 0x1d17a }, /* musical format controls */
    { 0xe0000, 0xe0fff }, /* tags, variation selectors supplement */
};

bool screen_is_unsafe(uint32_t c)
{
    for (size_t i = 0; i < sizeof UNSAFE / sizeof *UNSAFE && UNSAFE[i].first <= c; i++)
        if (c <= UNSAFE[i].last)
            return true;
    return false;
}

/* The character at p, of valid UTF-8, and its length. */
static size_t read_character(uint32_t *out, const unsigned char *p)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    static const unsigned char MASK[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    *out = p[0] & MASK[n];
    for (size_t i = 1; i < n; i++)
        *out = *out << 6 | (p[i] & 0x3f);
    return n;
}

/* A text that is not UTF-8 has no characters to look at. */
static void keep_ascii(char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x80)
            *text = '?';
        else if (screen_is_unsafe(c))
            *text = ' ';
    }
}

void screen_make_safe(char *text)
{
    size_t n = strlen(text), len;
    int tail = utf8_tail((const uint8_t *)text, n);
    char *to = text;
    uint32_t c;

    if (tail < 0) {
        keep_ascii(text);
        return;
    }
    text[n - (size_t)tail] = 0;
    for (const char *from = text; *from; from += len) {
        len = read_character(&c, (const unsigned char *)from);
        if (screen_is_unsafe(c)) {
            *to++ = ' ';
        } else {
            memmove(to, from, len);
            to += len;
        }
    }
    *to = 0;
}

void screen_copy(char *out, size_t cap, const char *text)
{
    size_t n = strnlen(text, cap - 1);

    memcpy(out, text, n);
    out[n] = 0;
    screen_make_safe(out);
}
