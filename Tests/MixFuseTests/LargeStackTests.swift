// SPDX-License-Identifier: Apache-2.0
//
// Work on threads of our own: every element has its result at its place, every piece of work ends, and
// the first error in order is the one that is thrown, however the threads are timed.

import Foundation
import Synchronization
import Testing

@testable import MixFuse

@Suite("work on large stacks")
struct LargeStackTests {
  private struct Fault: Error, Equatable { var number: Int }

  @Test(
    "each element is transformed once, and results stand in order", arguments: [0, 1, 2, 3, 1000])
  func everyElement(_ count: Int) throws {
    let calls = Atomic(0)
    let results = try mapOnLargeStacks(Array(0..<count)) { number in
      calls.wrappingAdd(1, ordering: .relaxed)
      // The first ones take longest.
      usleep(UInt32(number < 4 ? 2_000 : 0))
      return number * number
    }
    #expect(results == (0..<count).map { $0 * $0 })
    let called = calls.load(ordering: .relaxed)
    #expect(called == count)
  }

  @Test("the first error in order is thrown, once all elements were tried")
  func firstError() {
    let calls = Atomic(0)
    #expect(throws: Fault(number: 3)) {
      try mapOnLargeStacks(Array(0..<50)) { number in
        calls.wrappingAdd(1, ordering: .relaxed)
        if number == 3 { usleep(5_000) }
        if number % 3 == 0, number > 0 { throw Fault(number: number) }
        return number
      }
    }
    let called = calls.load(ordering: .relaxed)
    #expect(called == 50)
  }

  @Test("recursion goes deeper than on a usual thread")
  func depth() throws {
    @Sendable func depth(_ rest: Int) -> Int { rest == 0 ? 0 : 1 + depth(rest - 1) }
    // A frame is 16 bytes at least, so this needs more than the 512 KiB of a secondary thread.
    let depths = try mapOnLargeStacks([100_000, 200_000]) { depth($0) }
    #expect(depths == [100_000, 200_000])
  }

  @Test("two pieces of work both end, and the first one's error comes first")
  func sideBySide() throws {
    let pair = try MixFuse.sideBySide({ "first" }) { 2 }
    #expect(pair == ("first", 2))
    let hasEnded = Atomic(false)
    #expect(throws: Fault(number: 1)) {
      try MixFuse.sideBySide({ () throws -> Int in
        usleep(3_000)
        hasEnded.store(true, ordering: .relaxed)
        throw Fault(number: 1)
      }) { throw Fault(number: 2) }
    }
    let firstHasEnded = hasEnded.load(ordering: .relaxed)
    #expect(firstHasEnded)
    #expect(throws: Fault(number: 2)) {
      try MixFuse.sideBySide({ 1 }) { throw Fault(number: 2) }
    }
  }
}
