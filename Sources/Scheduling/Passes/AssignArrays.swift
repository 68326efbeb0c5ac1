// SPDX-License-Identifier: Apache-2.0
//
// Gives every value that needs memory an array: one of its own, or a place in that of another value
// as the passes before have decided. Where in the arena an array lies is decided later.
//
//   before:  cluster [8, 64]: %6 = ...           after:  h: f32 x 512 holds %6 from step 3 to step 9
//
// The body of a loop finds its inputs in the arrays of the loop's operands and leaves its outputs in
// those of its results: slices that move with the iteration, carries that stay.

import TensorIR

/// The arrays of an entry point, with names of their own.
struct ArrayTable {
  private(set) var buffers: [Buffer] = []
  private var names: Set<String> = []
  /// The record of faults, once a check needs it.
  private var faultBuffer: Int?

  /// - Parameter name: what is in it; a number is added where that is not distinct.
  mutating func add(
    _ type: TensorType, named name: String, placement: Placement = .arena(offset: 0),
    role: ArrayRole, provenance: Provenance = Provenance(), comment: String? = nil
  ) -> Int {
    buffers.append(
      Buffer(
        name: distinct(name), comment: comment ?? type.description, dtype: type.dtype,
        elementCount: type.elementCount, placement: placement, role: role, provenance: provenance))
    return buffers.count - 1
  }

  mutating func place(_ buffer: Int, at placement: Placement) {
    buffers[buffer].placement = placement
  }

  /// The address of the record of faults.
  mutating func faults() -> Pointer {
    let buffer =
      faultBuffer
      ?? add(
        TensorType([1], .i32), named: "faults", placement: .faults, role: .port,
        comment: "the first position out of range")
    faultBuffer = buffer
    return Pointer(buffer: buffer)
  }

  /// An identifier that no other array has.
  private mutating func distinct(_ name: String) -> String {
    let base = name.isEmpty ? "value" : name.replacing(".", with: "_")
    var (candidate, number) = (base, 2)
    while !names.insert(candidate).inserted {
      candidate = "\(base)_\(number)"
      number += 1
    }
    return candidate
  }
}

/// Gives the values of regions their arrays.
enum ArrayAssignment {
  /// Assigns the arrays of a region and of the loop bodies inside of it.
  ///
  /// - Precondition: inputs and slots have addresses.
  /// - Cost: n log n in the number of values.
  static func run(on region: inout RegionSchedule, _ arrays: inout ArrayTable) {
    assignOwn(&region, &arrays)
    for position in region.steps.indices {
      guard case .loop(var loop) = region.steps[position] else { continue }
      region.bindBody(of: &loop)
      run(on: &loop.body, &arrays)
      region.steps[position] = .loop(loop)
    }
  }

  /// Makes arrays for all values of the region that need one and have none.
  private static func assignOwn(_ region: inout RegionSchedule, _ arrays: inout ArrayTable) {
    let uses = Liveness(region)
    let known = region.origins
    var lifetimes: [ValueID: ClosedRange<Int>] = [:]
    var origins: [ValueID: ArrayOrigin] = [:]
    for value in uses.firstWrite.keys.sorted() {
      guard uses.needsStorage.contains(value), region.window(of: value) == nil,
        let lifetime = uses.lifetime(of: value)
      else { continue }
      let holder = region.holder(value)
      // An array in which a carry begins is that carry's.
      if let origin = known[value], origins[holder] == nil || origin.role != .value {
        origins[holder] = origin
      }
      lifetimes[holder] = lifetimes[holder].map { $0.joined(with: lifetime) } ?? lifetime
    }
    for (value, lifetime) in lifetimes.sorted(by: { $0.key < $1.key })
    where region.values[value.index].address == nil {
      let origin = origins[value] ?? ArrayOrigin(role: .value, provenance: Provenance())
      let type = region.type(of: value)
      let buffer = arrays.add(
        type, named: region.values[value.index].name, role: origin.role,
        provenance: origin.provenance)
      region.memory.items.append(
        .init(content: .buffer(buffer), byteCount: type.byteCount, lifetime: lifetime))
      region.values[value.index].address = Pointer(buffer: buffer)
    }
  }
}

extension RegionSchedule {
  /// Gives addresses to the inputs and slots of a loop's body.
  fileprivate func bindBody(of loop: inout ScheduledLoop) {
    let body = loop.loop.body
    func set(_ value: ValueID, _ address: Pointer) {
      loop.body.values[value.index].address = address
    }
    for (position, operand) in loop.operands.enumerated() {
      let input = body.inputs[position + 1]
      if loop.loop.carryRange.contains(position) {
        set(input, address(of: loop.carry(position)))
      } else if case .view(let view) = operand {
        let whole = address(of: view.root).advanced(by: view.offset)
        let isSlice = loop.loop.stackedInputRange.contains(position)
        set(input, isSlice ? whole.slice(body.type(of: input), of: loop.variable) : whole)
      }
    }
    for panels in loop.panels { set(panels.inner, address(of: panels.outer)) }
    for (position, output) in loop.body.outputs.enumerated() {
      let whole = address(of: loop.node.results[position])
      let isCarry = loop.loop.carryRange.contains(position)
      set(
        output.slot,
        isCarry ? whole : whole.slice(loop.body.type(of: output.slot), of: loop.variable))
    }
  }
}

extension Pointer {
  /// The slice of an array of such slices that an iteration of a loop has.
  fileprivate func slice(_ type: TensorType, of variable: LoopVariable) -> Pointer {
    advanced(by: variable, times: type.elementCount)
  }
}

extension ClosedRange<Int> {
  /// The smallest range that contains both.
  fileprivate func joined(with other: ClosedRange<Int>) -> ClosedRange<Int> {
    Swift.min(lowerBound, other.lowerBound)...Swift.max(upperBound, other.upperBound)
  }
}
