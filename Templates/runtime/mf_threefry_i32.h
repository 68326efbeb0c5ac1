// mf_threefry_i32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Random bits of a key and a counter: a word of the block of Threefry-2x32 with 20 rounds, the
// first (0), the second (1), or both by exclusive or (2). The bits of jax.random. Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#define MF_MIX(r)   \
  first += second; \
  second = (second << (r) | second >> (32 - (r))) ^ first
#define MF_INJECT(a, b, number) \
  first += (a);                 \
  second += (b) + (number)

static inline int32_t mf_threefry_i32(
    int32_t key0, int32_t key1, int32_t counter0, int32_t counter1, int word) {
  const uint32_t a = (uint32_t)key0;
  const uint32_t b = (uint32_t)key1;
  const uint32_t c = a ^ b ^ 0x1bd11bdau;
  uint32_t first = (uint32_t)counter0 + a;
  uint32_t second = (uint32_t)counter1 + b;
  MF_MIX(13); MF_MIX(15); MF_MIX(26); MF_MIX(6);
  MF_INJECT(b, c, 1);
  MF_MIX(17); MF_MIX(29); MF_MIX(16); MF_MIX(24);
  MF_INJECT(c, a, 2);
  MF_MIX(13); MF_MIX(15); MF_MIX(26); MF_MIX(6);
  MF_INJECT(a, b, 3);
  MF_MIX(17); MF_MIX(29); MF_MIX(16); MF_MIX(24);
  MF_INJECT(b, c, 4);
  MF_MIX(13); MF_MIX(15); MF_MIX(26); MF_MIX(6);
  MF_INJECT(c, a, 5);
  return (int32_t)(word == 0 ? first : word == 1 ? second : first ^ second);
}

#undef MF_MIX
#undef MF_INJECT
