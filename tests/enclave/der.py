"""As much DER as the extensions of the simulated certificates need."""


def tlv(tag, body):
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts):
    return tlv(0x30, b''.join(parts))


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, 'big'))


def enumerated(value):
    return tlv(0x0A, bytes([value]))


def boolean(value):
    return tlv(0x01, b'\xff' if value else b'\x00')


def octets(value):
    return tlv(0x04, value)


def tagged(number, body, constructed=False):
    """A value under an implicit tag."""
    return tlv((0xA0 if constructed else 0x80) | number, body)


def oid(dotted):
    numbers = [int(n) for n in dotted.split('.')]
    body = bytes([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return tlv(0x06, body)
