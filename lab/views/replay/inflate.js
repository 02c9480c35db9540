// Inflating (RFC 1950, 1951) by hand, for a browser that has no DecompressionStream.

const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83,
  99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5,
  5, 5, 0];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A Huffman code (RFC 1951, 3.2.2) from the lengths of its symbols' codes. */
function huffman(lengths) {
  const counts = new Uint16Array(16);
  for (const length of lengths) if (length) counts[length] += 1;
  const places = new Uint16Array(17);
  for (let k = 1; k < 16; k += 1) places[k + 1] = places[k] + counts[k];
  const symbols = new Uint16Array(places[16]);
  lengths.forEach((length, symbol) => {
    if (length) {
      symbols[places[length]] = symbol;
      places[length] += 1;
    }
  });
  return { counts, symbols };
}

class Inflater {
  constructor(octets) {
    this.octets = octets;
    this.at = 2; // after the header of RFC 1950
    this.held = 0;
    this.bits = 0;
    this.out = new Uint8Array(octets.length * 6 + 1024);
    this.size = 0;
  }

  take(count) {
    while (this.bits < count) {
      this.held |= this.octets[this.at] << this.bits;
      this.at += 1;
      this.bits += 8;
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.bits -= count;
    return value;
  }

  symbol({ counts, symbols }) {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length += 1) {
      code |= this.take(1);
      if (code - first < counts[length]) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw new Error("the data of this page are damaged");
  }

  put(octet) {
    if (this.size === this.out.length) {
      const larger = new Uint8Array(this.out.length * 2);
      larger.set(this.out);
      this.out = larger;
    }
    this.out[this.size] = octet;
    this.size += 1;
  }

  stored() {
    this.held = this.bits = 0;
    const length = this.octets[this.at] | (this.octets[this.at + 1] << 8);
    this.at += 4;
    for (let k = 0; k < length; k += 1) this.put(this.octets[this.at + k]);
    this.at += length;
  }

  fixed() {
    const lengths = Array.from({ length: 288 }, (_, k) => (k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8));
    return [huffman(lengths), huffman(new Array(30).fill(5))];
  }

  dynamic() {
    const literals = this.take(5) + 257;
    const distances = this.take(5) + 1;
    const codes = this.take(4) + 4;
    const short = new Array(19).fill(0);
    for (let k = 0; k < codes; k += 1) short[CODE_ORDER[k]] = this.take(3);
    const code = huffman(short);
    const lengths = [];
    while (lengths.length < literals + distances) {
      const symbol = this.symbol(code);
      if (symbol < 16) lengths.push(symbol);
      else {
        const value = symbol === 16 ? lengths[lengths.length - 1] : 0;
        const times = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7);
        for (let k = 0; k < times; k += 1) lengths.push(value);
      }
    }
    return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
  }

  block([literals, distances]) {
    for (let symbol = this.symbol(literals); symbol !== 256; symbol = this.symbol(literals)) {
      if (symbol < 256) {
        this.put(symbol);
        continue;
      }
      const length = LENGTHS[symbol - 257] + this.take(LENGTH_BITS[symbol - 257]);
      const far = this.symbol(distances);
      const extra = far < 2 ? 0 : (far >> 1) - 1;
      const distance = far < 2 ? far + 1 : ((2 + (far & 1)) << extra) + 1 + this.take(extra);
      for (let k = 0; k < length; k += 1) this.put(this.out[this.size - distance]);
    }
  }

  all() {
    for (let last = 0; !last;) {
      last = this.take(1);
      const type = this.take(2);
      if (type === 0) this.stored();
      else this.block(type === 1 ? this.fixed() : this.dynamic());
    }
    return this.out.subarray(0, this.size);
  }
}

/** The octets that were deflated into these. */
function inflate(octets) { return new Inflater(octets).all(); }
