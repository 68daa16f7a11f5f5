// Shortest digits by Steele and White's free-format algorithm with big
// integers ("How to print floating-point numbers accurately", PLDI 1990):
// slow against table-driven methods, but small and exact, and the trainer
// prints a handful of numbers per step.
#include "number.h"

#include <string.h>

namespace neap {

namespace {

// Enough for 2^1075 * 10 and 10^324 * 2^55.
constexpr int big_words = 38;

struct big {
  uint32_t word[big_words];
  int used;
};

void big_set(big *a, uint64_t value) {
  a->word[0] = static_cast<uint32_t>(value);
  a->word[1] = static_cast<uint32_t>(value >> 32);
  a->used = a->word[1] ? 2 : a->word[0] ? 1 : 0;
}

void big_multiply(big *a, uint32_t factor) {
  uint64_t carry = 0;
  for (int i = 0; i < a->used; ++i) {
    carry += static_cast<uint64_t>(a->word[i]) * factor;
    a->word[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  if (carry)
    a->word[a->used++] = static_cast<uint32_t>(carry);
}

void big_shift(big *a, int bits) {
  for (; bits >= 31; bits -= 31)
    big_multiply(a, 1u << 31);
  big_multiply(a, 1u << bits);
}

void big_power10(big *a, int exponent) {
  for (; exponent >= 9; exponent -= 9)
    big_multiply(a, 1000000000u);
  for (; exponent > 0; --exponent)
    big_multiply(a, 10);
}

int big_compare(const big *a, const big *b) {
  if (a->used != b->used)
    return a->used < b->used ? -1 : 1;
  for (int i = a->used - 1; i >= 0; --i)
    if (a->word[i] != b->word[i])
      return a->word[i] < b->word[i] ? -1 : 1;
  return 0;
}

void big_subtract(big *a, const big *b) {
  int64_t borrow = 0;
  for (int i = 0; i < a->used; ++i) {
    int64_t part = static_cast<int64_t>(a->word[i]) + borrow -
                   (i < b->used ? b->word[i] : 0);
    a->word[i] = static_cast<uint32_t>(part);
    borrow = part >> 32;
  }
  while (a->used > 0 && a->word[a->used - 1] == 0)
    --a->used;
}

// Compares a + b with c.
int big_compare_sum(const big *a, const big *b, const big *c) {
  big sum = *a;
  uint64_t carry = 0;
  int used = a->used > b->used ? a->used : b->used;
  for (int i = 0; i < used; ++i) {
    carry += (i < a->used ? a->word[i] : 0);
    carry += (i < b->used ? b->word[i] : 0);
    sum.word[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  sum.used = used;
  if (carry)
    sum.word[sum.used++] = static_cast<uint32_t>(carry);
  return big_compare(&sum, c);
}

// value = remainder / scale; [value - low, value + high] / scale reads back
// as the same double.
struct digits_state {
  big remainder, scale, low, high;
  bool closed; // the interval's ends belong to it (even mantissa)
};

void set_up(digits_state *s, uint64_t mantissa, int exponent) {
  // Below a power of two the neighbours are half as far as above it.
  bool uneven = mantissa == (1ull << 52) && exponent > -1074;
  int extra = uneven ? 2 : 1;
  big_set(&s->remainder, mantissa);
  big_set(&s->scale, 1);
  big_set(&s->low, 1);
  big_set(&s->high, uneven ? 2 : 1);
  big_shift(&s->remainder, extra);
  big_shift(&s->scale, extra);
  if (exponent >= 0) {
    big_shift(&s->remainder, exponent);
    big_shift(&s->low, exponent);
    big_shift(&s->high, exponent);
  } else {
    big_shift(&s->scale, -exponent);
  }
  s->closed = (mantissa & 1) == 0;
}

bool reaches(const digits_state *s) {
  int order = big_compare_sum(&s->remainder, &s->high, &s->scale);
  return s->closed ? order >= 0 : order > 0;
}

// Scales so that the first digit is the one before the point; returns the
// decimal exponent: value = 0.d1d2... * 10^exponent.
int normalise(digits_state *s, uint64_t mantissa, int exponent) {
  int bits = 64 - __builtin_clzll(mantissa) + exponent;
  double estimate = (bits - 1) * 0.30102999566398120;
  int power = static_cast<int>(estimate);
  if (power < estimate)
    ++power;
  if (power >= 0) {
    big_power10(&s->scale, power);
  } else {
    big_power10(&s->remainder, -power);
    big_power10(&s->low, -power);
    big_power10(&s->high, -power);
  }
  while (reaches(s)) {
    big_multiply(&s->scale, 10);
    ++power;
  }
  return power;
}

int generate(digits_state *s, char *digits) {
  for (int count = 0;;) {
    big_multiply(&s->remainder, 10);
    big_multiply(&s->low, 10);
    big_multiply(&s->high, 10);
    char digit = '0';
    while (big_compare(&s->remainder, &s->scale) >= 0) {
      big_subtract(&s->remainder, &s->scale);
      ++digit;
    }
    int order = big_compare(&s->remainder, &s->low);
    bool down = s->closed ? order <= 0 : order < 0;
    bool up = reaches(s);
    if (!down && !up) {
      digits[count++] = digit;
      continue;
    }
    if (down && up) { // both ends are in reach: the nearer, else the even one
      order = big_compare_sum(&s->remainder, &s->remainder, &s->scale);
      up = order > 0 || (order == 0 && (digit & 1));
    }
    digits[count++] = up ? digit + 1 : digit;
    return count;
  }
}

// Python's repr: fixed notation for exponents -4 < point <= 16.
int lay_out(const char *digits, int count, int point, char *out) {
  int length = 0;
  if (point > -4 && point <= 16) {
    if (point <= 0) {
      out[length++] = '0';
      out[length++] = '.';
      for (int i = point; i < 0; ++i)
        out[length++] = '0';
    }
    for (int i = 0; i < count || i < point; ++i) {
      if (i == point && i > 0)
        out[length++] = '.';
      out[length++] = i < count ? digits[i] : '0';
    }
    if (count <= point) {
      out[length++] = '.';
      out[length++] = '0';
    }
    return length;
  }
  out[length++] = digits[0];
  if (count > 1)
    out[length++] = '.';
  for (int i = 1; i < count; ++i)
    out[length++] = digits[i];
  int power = point - 1;
  out[length++] = 'e';
  out[length++] = power < 0 ? '-' : '+';
  power = power < 0 ? -power : power;
  if (power < 10)
    out[length++] = '0';
  return length + format_integer(power, out + length);
}

} // namespace

int format_integer(int64_t value, char *out) {
  char reversed[20];
  int count = 0, length = 0;
  uint64_t rest = value < 0 ? 0 - static_cast<uint64_t>(value) : value;
  do {
    reversed[count++] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0)
    out[length++] = '-';
  while (count > 0)
    out[length++] = reversed[--count];
  return length;
}

int format_shortest(double value, char *out) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int biased = static_cast<int>(bits >> 52) & 0x7ff;
  uint64_t mantissa = bits & ((1ull << 52) - 1);
  if (biased == 0x7ff) {
    memcpy(out, "null", 4);
    return 4;
  }
  int length = 0;
  if (bits >> 63)
    out[length++] = '-';
  if (biased == 0 && mantissa == 0) {
    memcpy(out + length, "0.0", 3);
    return length + 3;
  }
  if (biased)
    mantissa |= 1ull << 52;
  int exponent = (biased ? biased : 1) - 1075;
  digits_state state;
  set_up(&state, mantissa, exponent);
  int point = normalise(&state, mantissa, exponent);
  char digits[20];
  int count = generate(&state, digits);
  return length + lay_out(digits, count, point, out + length);
}

int format_fixed(double value, int digits, char *out) {
  int64_t scale = 1;
  for (int i = 0; i < digits; ++i)
    scale *= 10;
  double magnitude = value < 0 ? -value : value;
  if (!(magnitude < 1e9))
    return format_shortest(value, out);
  int64_t scaled = static_cast<int64_t>(magnitude * scale + 0.5);
  int length = 0;
  if (value < 0 && scaled > 0)
    out[length++] = '-';
  length += format_integer(scaled / scale, out + length);
  if (digits == 0)
    return length;
  out[length++] = '.';
  for (int64_t rest = scaled % scale, unit = scale / 10; unit > 0; unit /= 10)
    out[length++] = static_cast<char>('0' + rest / unit % 10);
  return length;
}

} // namespace neap
