"""A screen of a terminal, as `tmux capture-pane -e -N -p` prints it → a picture in SVG.

Each piece of text is put on a grid of cells and stretched to it, because the fonts of those who
look differ in width. Lines of boxes are drawn as lines, so that they meet. Nothing in a picture is
fetched or run, and its colours do not depend on the page around it.
"""

import re
import unicodedata
from html import escape
from itertools import groupby

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14
MARGIN, BAR = 10, 30
FONTS = ("ui-monospace,'SF Mono',SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
         "'Liberation Mono',monospace")
FOREGROUND, BACKGROUND = '#e0e2ea', '#14161b'
BASIC = ('#14161b', '#ff6b6b', '#8ccf7e', '#e5c76b', '#67b0e8', '#c47fd5', '#6cbfbf', '#c4c6cd',
         '#4f5258', '#ff8787', '#a5e39b', '#fce094', '#a6dbff', '#ffcaff', '#8cf8f7', '#eef1f8')

# Which sides of its cell a line reaches: left, right, up, down.
BOXES = {'─': 'lr', '━': 'lr', '│': 'ud', '┃': 'ud', '┌': 'rd', '┐': 'ld', '└': 'ru', '┘': 'lu',
         '├': 'rud', '┤': 'lud', '┬': 'lrd', '┴': 'lru', '┼': 'lrud', '╭': 'rd', '╮': 'ld',
         '╰': 'ru', '╯': 'lu'}

ESCAPE = re.compile(r'\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x0e\x0f]')


class Style:
    """How a cell is shown. Immutable: a change makes another one."""

    def __init__(self, **fields):
        self.__dict__.update(dict(fg=None, bg=None, bold=False, dim=False, italic=False,
                                  line=False, reverse=False), **fields)

    def but(self, **fields):
        return Style(**{**self.__dict__, **fields})

    def colours(self):
        fg, bg = self.fg or FOREGROUND, self.bg or BACKGROUND
        return (bg, fg) if self.reverse else (fg, bg)


SWITCHES = {1: {'bold': True}, 2: {'dim': True}, 3: {'italic': True}, 4: {'line': True},
            7: {'reverse': True}, 22: {'bold': False, 'dim': False}, 23: {'italic': False},
            24: {'line': False}, 27: {'reverse': False}, 39: {'fg': None}, 49: {'bg': None}}


def indexed(number):
    """One of the 256 colours."""
    if number < 16:
        return BASIC[number]
    if number >= 232:
        return '#' + f'{8 + 10 * (number - 232):02x}' * 3
    parts = ((number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6)
    return '#' + ''.join(f'{55 + 40 * part if part else 0:02x}' for part in parts)


def styled(style, parameters):
    """The style after one escape sequence."""
    numbers = []
    for group in (parameters or '0').split(';'):
        # `4:3` is a curly underline: the part behind the colon matters to underlines only.
        first, *rest = group.split(':')
        numbers.append(0 if first == '4' and rest == ['0'] else int(first or 0))
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            style = Style()
        elif code in (38, 48, 58):
            if numbers.pop(0) == 2:
                colour = '#' + ''.join(f'{numbers.pop(0):02x}' for _ in range(3))
            else:
                colour = indexed(numbers.pop(0))
            if code != 58:
                style = style.but(**{'fg' if code == 38 else 'bg': colour})
        elif code in SWITCHES:
            style = style.but(**SWITCHES[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = style.but(fg=BASIC[code - 30 if code < 90 else code - 82])
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = style.but(bg=BASIC[code - 40 if code < 100 else code - 92])
    return style


def width_of(char):
    if unicodedata.combining(char) or char in '\u200d\ufe0f':
        return 0
    return 2 if unicodedata.east_asian_width(char) in 'WF' else 1


def cells_of(text, columns):
    """Rows of cells, each [character, style, width]. The style goes on from line to line."""
    rows, style = [], Style()
    for line in text.rstrip('\n').split('\n'):
        row, at = [], 0
        for match in [*ESCAPE.finditer(line), None]:
            for char in line[at:match.start() if match else len(line)]:
                width = width_of(char)
                if width == 0 and row:
                    row[-1][0] += char
                else:
                    row.append([char, style, width])
            if match:
                at = match.end()
                style = styled(style, match.group(1)) if match.group(1) is not None else style
        missing = columns - sum(cell[2] for cell in row)
        rows.append(row + [[' ', Style(), 1] for _ in range(missing)])
    return rows


def number(value):
    return f'{value:.1f}'.rstrip('0').rstrip('.')


def x_of(column):
    return MARGIN + column * CELL_WIDTH


def y_of(row):
    return BAR + MARGIN / 2 + row * CELL_HEIGHT


class Picture:
    """Collects the pieces of one picture: a class for each colour, a path for all its lines."""

    def __init__(self, columns, lines):
        self.width = columns * CELL_WIDTH + 2 * MARGIN
        self.height = BAR + lines * CELL_HEIGHT + 1.5 * MARGIN
        self.names, self.backs, self.texts, self.paths = {}, [], [], {}

    def name(self, colour):
        return self.names.setdefault(colour, f'c{len(self.names)}')

    def back(self, row, column, width, colour):
        self.backs.append(
            f'<rect class="{self.name(colour)}" x="{number(x_of(column))}" y="{number(y_of(row))}"'
            f' width="{number(width * CELL_WIDTH)}" height="{CELL_HEIGHT}"/>')

    def text(self, row, column, words, width, style, colour):
        """Words in one style; a single sign stands in the middle of its cell, unstretched."""
        marks = [name for name, on in (('b', style.bold), ('i', style.italic), ('u', style.line),
                                       ('d', style.dim)) if on]
        place = f'x="{number(x_of(column))}" textLength="{number(width * CELL_WIDTH)}"'
        if len(words) == 1 and not words.isascii():
            marks.append('m')
            place = f'x="{number(x_of(column) + width * CELL_WIDTH / 2)}"'
        names = ' '.join([self.name(colour), *marks])
        baseline = number(y_of(row) + 13)
        stretch = ' lengthAdjust="spacingAndGlyphs"' if 'textLength' in place else ''
        self.texts.append(f'<text class="{names}" y="{baseline}" {place}{stretch}>'
                          f'{escape(words, quote=False)}</text>')

    def box(self, row, column, sign, count, colour):
        """`count` times the same sign of a box, side by side."""
        left, top = x_of(column), y_of(row)
        middle, half = top + CELL_HEIGHT / 2, CELL_WIDTH / 2
        path = self.paths.setdefault(colour, [])
        if sign in '─━':
            path.append(f'M{number(left)} {number(middle)}h{number(count * CELL_WIDTH)}')
            return
        for at in range(count):
            centre = left + at * CELL_WIDTH + half
            for side in BOXES[sign]:
                run = {'l': f'h-{number(half)}', 'r': f'h{number(half)}',
                       'u': f'v-{CELL_HEIGHT // 2}', 'd': f'v{CELL_HEIGHT // 2}'}[side]
                path.append(f'M{number(centre)} {number(middle)}{run}')

    def whole(self, title):
        """The file."""
        width, height = number(self.width), number(self.height)
        inner = f'width="{number(self.width - 1)}" height="{number(self.height - 1)}"'
        styles = [f'text{{font:{FONT_SIZE}px {FONTS};white-space:pre}}',
                  '.b{font-weight:700}.i{font-style:italic}.u{text-decoration:underline}',
                  '.d{opacity:.7}.m{text-anchor:middle}',
                  'path{fill:none;stroke-linecap:square}rect{shape-rendering:crispEdges}',
                  # The grey edge keeps it apart from a page that is as dark as it is.
                  f'.w{{fill:{BACKGROUND};stroke:#6e7681;shape-rendering:auto}}']
        styles += [f'.{name}{{fill:{colour}}}' for colour, name in self.names.items()]
        dots = [f'<circle cx="{18 + 18 * i}" cy="15" r="5.5" fill="{colour}"/>'
                for i, colour in enumerate(('#ff5f57', '#febc2e', '#28c840'))]
        lines = [f'<path stroke="{colour}" d="{"".join(path)}"/>'
                 for colour, path in self.paths.items()]
        return '\n'.join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            f'<title>{escape(title)}</title>', f'<style>{"".join(styles)}</style>',
            f'<rect class="w" x=".5" y=".5" {inner} rx="9"/>', *dots,
            f'<text class="m" x="{number(self.width / 2)}" y="20" fill="#9b9ea4">'
            f'{escape(title)}</text>',
            *self.backs, *self.texts, *lines, '</svg>', ''])


def draw_row(picture, index, row):
    column, places = 0, []
    for char, style, width in row:
        places.append((column, char, style, width))
        column += width
    for back, cells in groupby(places, key=lambda place: place[2].colours()[1]):
        cells = list(cells)
        if back != BACKGROUND:
            picture.back(index, cells[0][0], sum(cell[3] for cell in cells), back)

    def kind(place):
        _, char, style, _ = place
        alone = '' if char.isprintable() and char < '\u0250' else char
        return alone, style.colours()[0], style.bold, style.italic, style.line, style.dim

    for (alone, colour, *_), cells in groupby(places, key=kind):
        cells = list(cells)
        if alone in BOXES and alone:
            picture.box(index, cells[0][0], alone, len(cells), colour)
        elif alone:
            for column, char, style, width in cells:
                picture.text(index, column, char, width, style, colour)
        else:
            draw_words(picture, index, cells, colour)


def draw_words(picture, index, cells, colour):
    """Cells of one style, without the wide gaps between them."""
    words = ''.join(cell[1] for cell in cells)
    for match in re.finditer(r'\S+(?: \S+)*', words):
        column, style = cells[match.start()][0], cells[match.start()][2]
        picture.text(index, column, match.group(), len(match.group()), style, colour)


def render(text, columns, title, cursor=None):
    """The picture of a screen; `cursor` is its (column, row)."""
    rows = cells_of(text, columns)
    if cursor:
        cell = rows[cursor[1]][cursor[0]]
        cell[1] = Style(fg=BACKGROUND, bg=FOREGROUND)
    picture = Picture(columns, len(rows))
    for index, row in enumerate(rows):
        draw_row(picture, index, row)
    return picture.whole(title)
