// SPDX-License-Identifier: Apache-2.0
//
// Random numbers and fingerprints against published ones.

import MixFuseShared
import Testing

@Suite("numbers by fixed algorithms")
struct NumberTests {
  @Test("the generator gives the published numbers")
  func generator() {
    // Output of the authors' reference implementation, splitmix64.c, for this seed.
    var words = SplitMix64(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in words.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test("numbers below a bound are below it and reach all of it")
  func bounds() {
    var words = SplitMix64(mixing: [1, 2])
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<7000 { counts[words.next(below: 7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 1000) < 150 })
    #expect((0..<1000).allSatisfy { _ in (0..<1).contains(words.uniform()) })
  }

  @Test("lists of words have streams of their own")
  func streams() {
    let lists: [[UInt64]] = [[], [0], [0, 0], [1, 2], [2, 1]]
    let firsts = lists.map { list in
      var words = SplitMix64(mixing: list)
      return words.next()
    }
    #expect(Set(firsts).count == lists.count)
  }

  @Test("fingerprints are those of FNV-1a")
  func fingerprints() {
    // From the test suite of the algorithm's authors.
    #expect(fingerprint(of: "") == 0xcbf2_9ce4_8422_2325)
    #expect(fingerprint(of: "a") == 0xaf63_dc4c_8601_ec8c)
    #expect(fingerprint(of: "foobar") == 0x8594_4171_f739_67e8)
  }
}
