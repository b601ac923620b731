/* Text that came from outside, made fit for a screen: one list of the characters that do something
 * to a screen, or to its reader's eyes, instead of standing on it. */
#ifndef VENICE_BASE_SCREEN_H
#define VENICE_BASE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a character deceives: a control character, one that is invisible or looks empty, or one
 * that turns the direction of writing. */
bool screen_is_unsafe(uint32_t character);

/* In place: each such character becomes a space. A character that is cut off at the end is dropped;
 * of a text that is not UTF-8, every byte above ASCII becomes a question mark. */
void screen_make_safe(char *text);

/* Copies what fits into out, cut at a character's border, and makes it safe. */
void screen_copy(char *out, size_t cap, const char *text);

#endif
