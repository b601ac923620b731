"""Faults by path: any member absent, null, empty, of another type or under another name.

A path is names with dots between them; a number is a place in a list, and `*` is every member. A
text that holds JSON is entered as if it were its value (`nvidia_payload.nonce`), and is written as
text again. Several paths stand with commas between them. Where the last name is not there, `null`
and `empty` add it, if what should hold it is there. A path that leads nowhere leaves the body as it
is, which the log says (`fault_idle`).
"""

import json

from faults import define_family
from measured import compact


def parsed(text):
    """The object or list that a text holds, else None."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def places(holder, name):
    """The keys of `holder` that a name of a path means; of an absent member too."""
    if name == '*':
        return list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if isinstance(holder, dict):
        return [name]
    number = int(name) if name.lstrip('-').isdigit() else len(holder)
    return [number] if -len(holder) <= number < len(holder) else []


def walk(holder, names, change):
    """Call change(holder, key) at each place of the path."""
    for key in places(holder, names[0]):
        if len(names) == 1:
            change(holder, key)
            continue
        inner = holder.get(key) if isinstance(holder, dict) else holder[key]
        unpacked = parsed(inner)
        if unpacked is not None:
            walk(unpacked, names[1:], change)
            if unpacked != parsed(inner):
                holder[key] = compact(unpacked)
        elif isinstance(inner, (dict, list)):
            walk(inner, names[1:], change)


def is_there(holder, key):
    return isinstance(holder, list) or key in holder


def absent(holder, key, _):
    if is_there(holder, key):
        del holder[key]


def null(holder, key, _):
    holder[key] = None


def empty(holder, key, args):
    value = holder[key] if is_there(holder, key) else None
    natural = type(value)() if isinstance(value, (dict, list)) else ''
    holder[key] = args.get('as', natural)


def retype(holder, key, _):
    if not is_there(holder, key):
        return
    value = holder[key]
    if isinstance(value, str):
        unpacked = parsed(value)
        holder[key] = [value] if unpacked is None else unpacked
    elif isinstance(value, (dict, list)):
        holder[key] = compact(value)
    else:  # true, 7 and null, as texts
        holder[key] = json.dumps(value)


def rename(holder, key, args):
    if isinstance(holder, dict) and key in holder:
        holder[args.get('to', f'{key}_renamed')] = holder.pop(key)


def family(edit, description, change):
    def body(paths, whole, args):
        for path in paths.split(','):
            walk(whole, path.split('.'), lambda holder, key: change(holder, key, args))
    define_family(edit, f'members: {description}', body)


family('absent', 'without the member', absent)
family('null', 'the member is null', null)
family('empty', 'the member is {}, [] or an empty text, after its type (args: as)', empty)
family('retype', 'a text becomes a list of it, or the JSON that it holds; anything else its '
       'JSON as a text', retype)
family('rename', 'the member has another name (args: to)', rename)
