// SPDX-License-Identifier: Apache-2.0
//
// What one entry point will need, known before any C exists: memory by category, operations, bytes
// moved, and how much memory is in use at each kernel call.

package import Scheduling
import TensorIR

/// The part of an arena that each category has at the moment when most is in use.
package struct MemorySplit: Sendable {
  /// Bytes by category, in the order of `MemoryCategory.allCases`.
  package var bytes = [Int](repeating: 0, count: MemoryCategory.allCases.count)
  /// The rest of the arena: room between arrays that nothing fits into at that moment.
  package var gapBytes = 0

  package subscript(category: MemoryCategory) -> Int { bytes[category.rawValue] }
}

/// The plan of one entry point.
package struct EntryPointPlan: Sendable {
  /// An array alive at the peak.
  package struct Array: Sendable {
    package var byteCount: Int
    package var type: String
    package var category: MemoryCategory
    /// How it came about: a loop, or a place in the spec.
    package var origin: String
  }

  package let name: String
  /// Bytes of the part of the arena that all workers share, as the manifest has it.
  package let arenaBytes: Int
  /// Bytes of each worker's part.
  package let arenaBytesPerWorker: Int
  /// Floating-point operations of one call.
  package let flops: Int
  /// Bytes that kernels read and write in one call.
  package let bytesMoved: Int
  /// Kernel calls of one call of the entry point.
  package let kernelCalls: Int
  /// The shared part, by category.
  package let shared: MemorySplit
  /// One worker's part, by category.
  package let perWorker: MemorySplit
  /// Bytes in use at each kernel call of the text (a loop's body counts once), by category: the
  /// shared part and one worker's.
  package let timeline: [[Int]]
  /// Where each of those calls is.
  package let moments: [LiveMemory.Moment]
  /// Bytes of trajectory at the call at which there is most of it: when the last inner step is done,
  /// and before the backward run over the steps gives up the first of it. Where more is in use at
  /// another call, `shared` and `perWorker` show what is left of it then.
  package let keptBytes: Int
  /// The call at which most is in use.
  package let peak: Int
  /// The largest arrays in use at that call, largest first.
  package let largestArrays: [Array]

  /// Bytes of the whole arena for a number of workers.
  package func totalBytes(workers: Int) -> Int { arenaBytes + workers * arenaBytesPerWorker }

  /// Reads the plan off a scheduled program.
  package init(_ program: Program) {
    let live = LiveMemory(program)
    let shared = CategorizedMemory(program, live, isWorkers: false)
    let workers = CategorizedMemory(program, live, isWorkers: true)
    let timeline = zip(shared.timeline, workers.timeline).map { zip($0, $1).map(+) }
    let peak = timeline.indices.max { timeline[$0].reduce(0, +) < timeline[$1].reduce(0, +) } ?? 0
    name = program.name
    arenaBytes = program.arenaBytes
    arenaBytesPerWorker = program.workerArenaBytes
    flops = program.flops
    bytesMoved = program.bytesMoved
    kernelCalls = program.kernelCalls
    self.shared = shared.split(of: program.arenaBytes)
    perWorker = workers.split(of: program.workerArenaBytes)
    moments = live.moments
    self.timeline = timeline
    self.peak = peak
    keptBytes = timeline.map { $0[MemoryCategory.trajectory.rawValue] }.max() ?? 0
    largestArrays = Self.arrays(of: program, live, at: peak)
  }

  /// The number of largest arrays that are worth showing.
  private static let arrayLimit = 8

  private static func arrays(of program: Program, _ live: LiveMemory, at call: Int) -> [Array] {
    let alive = program.buffers.enumerated().compactMap { number, buffer -> Array? in
      guard let category = buffer.category, live.lifetimes[number]?.contains(call) == true else {
        return nil
      }
      return Array(
        byteCount: buffer.byteCount, type: buffer.comment, category: category,
        origin: buffer.origin)
    }
    return Swift.Array(
      alive.enumerated().sorted {
        ($1.element.byteCount, $0.offset) < ($0.element.byteCount, $1.offset)
      }.prefix(arrayLimit).map(\.element))
  }
}

/// The memory in use over time in one of the two parts of an arena.
private struct CategorizedMemory {
  /// For each call, bytes by category.
  let timeline: [[Int]]

  init(_ program: Program, _ live: LiveMemory, isWorkers: Bool) {
    let curves = MemoryCategory.allCases.map { category in
      live.bytes(
        of: program.buffers.enumerated().compactMap { number, buffer in
          buffer.category == category && buffer.isWorkers == isWorkers
            ? (number, buffer.byteCount.alignedForArena) : nil
        })
    }
    timeline = live.moments.indices.map { call in curves.map { $0[call] } }
  }

  /// The split at the moment when most is in use.
  func split(of arenaBytes: Int) -> MemorySplit {
    guard let most = timeline.max(by: { $0.reduce(0, +) < $1.reduce(0, +) }) else {
      return MemorySplit()
    }
    return MemorySplit(bytes: most, gapBytes: arenaBytes - most.reduce(0, +))
  }
}

extension Buffer {
  fileprivate var isWorkers: Bool {
    if case .workerArena = placement { true } else { false }
  }

  /// `stack of inner steps`, or a place in the spec with the derivative rules.
  fileprivate var origin: String {
    switch role {
    case .carry(let loop): "carried by \(loop)"
    case .stack(let loop): "kept by \(loop)"
    case .scratch: "scratch of \(provenance)"
    case .port, .value: provenance.description
    }
  }
}

extension Int {
  /// The room that an array of so many bytes takes in an arena.
  fileprivate var alignedForArena: Int {
    (self + arenaAlignment - 1) / arenaAlignment * arenaAlignment
  }
}
