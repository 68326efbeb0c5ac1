// SPDX-License-Identifier: Apache-2.0
//
// Lets values live in the arrays of others that die where they are made.
//
//   before:  cluster: %3 = ...                  after:  cluster: %3 = ...
//            loop inner steps: %7 from %3               loop inner steps: %7 from %3, in the array of %3
//
// Two kinds: a loop's carry begins in the array of its first value, if nothing else reads that any
// more (otherwise the first value is copied, by a step of its own); and an array that dies in a sum
// with a contraction holds the sum.

import TensorIR

/// Shares arrays within one region.
struct ArraySharing {
  private var region: RegionSchedule
  private let uses: Liveness
  private let made: Set<ValueID>
  private let outputs: Set<ValueID>
  /// Copies to be made before the step at a position.
  private var copies: [Int: [ScheduleStep]] = [:]

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: linear in the number of steps and of their operands.
  static func run(on region: inout RegionSchedule) {
    var pass = ArraySharing(region)
    pass.shareCarries()
    pass.shareAddends()
    region = pass.region
    region.steps = pass.region.steps.enumerated().flatMap { position, step in
      (pass.copies[position] ?? []) + [step]
    }
    region.updateLoops { run(on: &$0.body) }
  }

  private init(_ region: RegionSchedule) {
    self.region = region
    uses = Liveness(region)
    made = region.valuesMade
    outputs = Set(region.outputs.compactMap { region.binding(of: $0.value)?.root })
  }

  private mutating func shareCarries() {
    for position in region.steps.indices {
      guard case .loop(var loop) = region.steps[position] else { continue }
      var taken = Set<ValueID>()
      for carry in loop.loop.carryRange {
        let result = loop.carry(carry)
        if let first = dyingOperand(carry, of: loop, at: position), taken.insert(first).inserted {
          region.values[result.index].home = .shared(with: first)
        } else {
          copies[position, default: []].append(firstValue(loop.operands[carry], to: result))
          loop.operands[carry] = .view(region.whole(result))
        }
      }
      region.steps[position] = .loop(loop)
    }
  }

  /// The value from which a carry starts, if that is a whole array that nothing reads besides.
  private func dyingOperand(_ carry: Int, of loop: ScheduledLoop, at position: Int) -> ValueID? {
    guard case .view(let view) = loop.operands[carry], made.contains(view.root),
      uses.lastRead[view.root] == position, view == region.whole(view.root),
      !outputs.contains(view.root), loop.operands.count(where: { $0.root == view.root }) == 1
    else { return nil }
    return view.root
  }

  private func firstValue(_ source: Binding, to carry: ValueID) -> ScheduleStep {
    let type = region.type(of: carry)
    return .copy(
      ScheduledCopy(
        source: source, shape: type.shape, dtype: type.dtype, destination: region.whole(carry),
        provenance: Provenance(function: "copy")))
  }

  private mutating func shareAddends() {
    for (position, step) in region.steps.enumerated() {
      guard case .contraction(let contraction) = step,
        let (sum, addend) = contraction.addition(in: region),
        made.contains(addend.root), uses.lastRead[addend.root] == position,
        !outputs.contains(addend.root), !outputs.contains(sum),
        !contraction.operandsRead.contains(addend.root),
        region.type(of: addend.root).elementCount == region.type(of: sum).elementCount,
        addend.isContiguous, addend.offset == 0
      else { continue }
      region.values[sum.index].home = .shared(with: addend.root)
    }
  }
}

extension ScheduledContraction {
  /// If the epilogue is no more than a sum of the contraction and an array: the sum, and the array.
  func addition(in region: RegionSchedule) -> (sum: ValueID, addend: View)? {
    guard let entries = epilogue?.entries, entries.count == 1,
      case .binary(.add) = entries[0].node.op
    else { return nil }
    let views = entries[0].views
    guard views.count == 2, let other = views.first(where: { $0.root != node.result }),
      views.contains(where: { $0.root == node.result }),
      region.window(of: entries[0].result) == nil, region.window(of: other.root) == nil
    else { return nil }
    return (entries[0].result, other)
  }
}
