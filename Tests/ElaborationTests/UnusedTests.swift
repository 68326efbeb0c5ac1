// SPDX-License-Identifier: Apache-2.0
//
// "... is never used": said of what makes no difference to a loss, and of nothing else.

import Diagnostics
import Testing

@Suite("warnings of what is never used")
struct UnusedTests {
  /// A spec whose optimiser keeps and reads leaves of theta as it likes.
  private static func spec(
    leaves: String, update: String, metas: String = "", data: String = "", loss: String = "theta.w"
  ) -> String {
    """
    spec test
    params theta { w: [3] \(leaves) }
    meta rate: [] ~ constant(0.1)
    \(metas)
    optimizer own(r) {
      update(g, p, step) {
        \(update)
      }
    }
    inner(x: [3]\(data)) { minimize sum(square(\(loss) - x)) by own(rate) for 2 }
    outer(y: [3]) { minimize sum(square(theta.w - y)) }
    """
  }

  private static func unused(_ spec: String) -> [String] {
    let outcome = elaborated(spec)
    #expect(outcome.errorIDs == [])
    return outcome.diagnostics.diagnostics.filter { $0.id == "unused" }.map(\.text)
  }

  @Test("a leaf through which the update moves another one is used")
  func carriedByUpdate() {
    let momentum = "p = {w: p.w - r * p.v, v: 0.9 * p.v + g.w}"
    #expect(Self.unused(Self.spec(leaves: "v: [3]", update: momentum)) == [])
    // Through a second leaf, which only the first one is computed from.
    let chain = "p = {w: p.w - r * p.v, v: p.u, u: p.u + g.w}"
    #expect(Self.unused(Self.spec(leaves: "v: [3] u: [3]", update: chain)) == [])
  }

  @Test("a leaf that is only carried on is not")
  func onlyCarried() {
    let idle = "p = {w: p.w - r * g.w, v: 0.9 * p.v}"
    #expect(Self.unused(Self.spec(leaves: "v: [3]", update: idle)) == ["theta.v is never used"])
    let pair = "p = {w: p.w - r * g.w, v: p.u, u: p.v}"
    #expect(
      Self.unused(Self.spec(leaves: "v: [3] u: [3]", update: pair)) == [
        "theta.v is never used", "theta.u is never used",
      ])
  }

  @Test("metas and data that nothing reads are named")
  func metasAndData() {
    let plain = "p = {w: p.w - r * g.w}"
    #expect(Self.unused(Self.spec(leaves: "", update: plain, loss: "theta.w * rate")) == [])
    #expect(
      Self.unused(Self.spec(leaves: "", update: plain, metas: "meta k: [2]", data: ", z: [4]"))
        == ["k is never used", "z is never used"])
  }
}
