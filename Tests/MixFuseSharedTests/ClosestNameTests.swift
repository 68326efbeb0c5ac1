// SPDX-License-Identifier: Apache-2.0
//
// Edit distance and "did you mean".

import MixFuseShared
import Testing

@Suite("did you mean")
struct ClosestNameTests {
  @Test("a swap of neighbours counts as one edit")
  func swap() {
    #expect(editDistance("hidden", "hiddne") == 1)
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("kitten", "sitting") == 3)
  }

  @Test("the nearest name is suggested, and nothing when none is near")
  func nearest() {
    #expect(closestName(to: "hiden", among: ["points", "hidden", "steps"]) == "hidden")
    #expect(closestName(to: "hiden", among: ["points", "steps"]) == nil)
    #expect(closestName(to: "x", among: ["y", "w"]) == nil)
    #expect(closestName(to: "w3", among: ["w2", "w1"]) == "w1")
    #expect(closestName(to: "HIDEN", among: ["hidden"]) == "hidden")
  }
}
