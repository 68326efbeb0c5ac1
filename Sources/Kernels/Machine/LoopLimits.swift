// SPDX-License-Identifier: Apache-2.0
//
// What loop nests are done in, and what they compute again rather than load.

extension Machine {
  // MARK: Short rows

  /// Bytes of the vectors in which a short innermost loop is done whole: a cache line, in as many
  /// registers as that takes. With registers of 16 bytes, two instead of four were measured alike (rows
  /// of 10, Zen 5: 278 us for both), and 64 bytes need no other helpers.
  package var laneBytes: Int { max(Self.lineBytes, vectorBytes) }

  /// Elements of those vectors, if a loop of `extent` elements of at most `bytes` is so short that it is
  /// done in them: not longer than the compiler unrolls, and no whole number of half vectors, which
  /// compilers do well. Twos to fours are left alone: most of a vector would be idle.
  package func laneWidth(extent: Int, elementBytes bytes: Int) -> Int? {
    let width = laneBytes / bytes
    return extent > 4 && extent <= 64 && extent % (width / 2) != 0 ? width : nil
  }

  /// Rows of a block of such loops at most.
  package static let mostRowsOfBlock = 16

  // MARK: Maxima

  /// Iterations of a loop below which nothing is gained by keeping its maximum as an integer: a vector
  /// of lanes must be filled and joined for it, whatever its width.
  static let shortestOrderedMaximum = 16

  // MARK: Memory

  /// Bytes of an array that another kernel finds in memory or in the cache that all cores share.
  package var farBytes: Int { lastCacheBytes / 16 }

  /// Operations an element that storing and loading a value of `bytes` may cost: as many as are done
  /// meanwhile. Eight bytes of an element go to memory and come back; an array of 8 MiB that is stored
  /// and loaded was measured to cost as much time as some hundred operations an element. In a cache,
  /// the store and the load are three operations themselves.
  package func operationsForStoring(bytes: Int) -> Int {
    bytes >= farBytes ? Int((8 * loopGigaflops / memoryGigabytes).rounded()) : 3
  }

  /// Elements of arrays that are done in less time than it takes to call kernels for them one by one:
  /// two first-level caches of f32.
  package var smallElements: Int { firstCacheBytes / 2 }

  // MARK: Packing before a contraction

  /// Time to pack an operand once by a kernel of its own, as a multiple of the time inside of the
  /// contraction: there the copy stays in the cache, here it goes to memory and comes back. Where
  /// lines are copied as they are, little but that is left: then two uses were measured to pay for
  /// the copy just about, at the price of its memory.
  package static func costOfCopy(keepsLines: Bool) -> Double { keepsLines ? 3 : 1.5 }
}
