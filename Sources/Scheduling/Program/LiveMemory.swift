// SPDX-License-Identifier: Apache-2.0
//
// Which arrays of a program hold something that is still needed, kernel call by kernel call. Read off
// the finished program, so it describes what will run, whatever planned it.
//
// Calls are counted in the order of the text: a loop's body counts once. An array that is used in
// several steps of a region is alive from the first to the last of them, and throughout any loop
// among them; one that is used within a single loop is alive within its body only.

package import TensorIR

/// The lifetimes of a program's arrays.
package struct LiveMemory: Sendable {
  /// A kernel call in its place.
  package struct Moment: Sendable {
    /// What the loops around it stand for, outermost first.
    package var loops: [LoopRole]
    /// Where the call comes from.
    package var provenance: Provenance
  }

  /// Every kernel call once, in order.
  package private(set) var moments: [Moment] = []
  /// For every buffer that some call uses, the first and the last call that need it.
  package private(set) var lifetimes: [Int: ClosedRange<Int>] = [:]

  /// Finds the lifetimes of all buffers of a program.
  ///
  /// - Cost: the number of call arguments times the depth of loops.
  package init(_ program: Program) {
    lifetimes = visit(program.steps, in: [])
  }

  /// The use of a buffer by one step: the calls that need it, and all calls of the step.
  private struct Use {
    var part: ClosedRange<Int>
    var whole: ClosedRange<Int>
  }

  /// The lifetimes of the buffers used by steps of one region.
  private mutating func visit(_ steps: [Step], in loops: [LoopRole]) -> [Int: ClosedRange<Int>] {
    var uses: [Int: [Use]] = [:]
    for step in steps {
      let first = moments.count
      switch step {
      case .call(let call):
        moments.append(Moment(loops: loops, provenance: call.provenance))
        for buffer in Set(call.arguments.map(\.buffer)) {
          uses[buffer, default: []].append(Use(part: first...first, whole: first...first))
        }
      case .loop(let loop):
        let inner = visit(loop.body, in: loops + [loop.role])
        for (buffer, part) in inner {
          uses[buffer, default: []].append(
            Use(part: part, whole: first...(moments.count - 1)))
        }
      }
    }
    return uses.mapValues { uses in
      let (first, last) = (uses[0], uses[uses.count - 1])
      return uses.count == 1 ? first.part : first.whole.lowerBound...last.whole.upperBound
    }
  }

  /// For every call, the bytes of the given buffers that are alive.
  package func bytes(of buffers: [(number: Int, byteCount: Int)]) -> [Int] {
    var changes = [Int](repeating: 0, count: moments.count + 1)
    for (number, byteCount) in buffers {
      guard let lifetime = lifetimes[number] else { continue }
      changes[lifetime.lowerBound] += byteCount
      changes[lifetime.upperBound + 1] -= byteCount
    }
    var sum = 0
    return changes.dropLast().map { change in
      sum += change
      return sum
    }
  }
}
