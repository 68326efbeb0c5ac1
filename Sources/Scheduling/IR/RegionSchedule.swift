// SPDX-License-Identifier: Apache-2.0
//
// The schedule of one region (a graph or a loop body): its values, and the steps that make them, in
// order. Passes rewrite it (`Passes/`, listed in `SchedulePipeline.swift`); `ScheduleVerifier.swift`
// says what holds between two passes, `ScheduleText.swift` prints it.
//
// A step carries all that it does; a value carries how it is read and where it lives. There are no
// positions in tables: what needs the step that makes a value asks for an index of the steps at hand.

import Kernels
import TensorIR

/// How a value of the region is read.
enum Binding: Hashable {
  /// Elements of a value with storage (or of a cluster's register, inside that cluster).
  case view(View)
  /// The same number everywhere.
  case constant(Double)
  /// The index along one axis plus an offset, as i32.
  case axisIndex(axis: Int, offset: Int)
  /// The index of an enclosing step loop, as an i32 scalar.
  case stepIndex(LoopVariable)

  /// The value whose elements are read; `nil` for numbers.
  var root: ValueID? { if case .view(let view) = self { view.root } else { nil } }
}

/// Where a value lives that is not in registers.
enum Home {
  /// In an array of its own.
  case own
  /// In a window of another value's array: see `PlaceInWindows.swift`.
  case window(PlacedWindow)
  /// In the array of another value, which has as many elements: see `ShareArrays.swift` and
  /// `MakeInPlace.swift`.
  case shared(with: ValueID)
}

/// What is known of a value of a region.
struct ScheduledValue {
  var type: TensorType
  /// What it is called, not unique; empty if nothing is known.
  var name: String
  /// How it is read; `nil` for a value that no step has made yet.
  var binding: Binding?
  var home = Home.own
  /// The address of its array, once `AssignArrays.swift` has given one to all that need it.
  var address: Pointer?
}

/// A value that leaves a region.
struct RegionOutput {
  /// What is in it; the slot itself once the value is made there or copied to it.
  var value: ValueID
  /// Stands for the place where the caller wants it, of which the region knows no more.
  var slot: ValueID
  /// For a carry: the body's input that lives at the same place.
  var replaces: ValueID?
}

/// The steps of a region in order, and its values.
struct RegionSchedule {
  let name: String
  /// The machine that the program is for.
  let machine: Machine
  let inputs: [ValueID]
  var values: [ScheduledValue]
  var steps: [ScheduleStep] = []
  var outputs: [RegionOutput] = []
  /// Whether the region is the body of some loop, and whether it runs inside one worker: then
  /// nothing in it is shared out.
  let isInLoop: Bool
  let isInWorker: Bool
  /// The arrays of the region, without those of the loop bodies inside.
  var memory = MemoryBlock()
}

extension RegionSchedule {
  func type(of value: ValueID) -> TensorType { values[value.index].type }

  /// How a value is read, as far as steps have made it.
  func binding(of value: ValueID) -> Binding? { values[value.index].binding }

  /// The whole of a value, dense.
  func whole(_ value: ValueID) -> View { View(dense: value, shape: type(of: value).shape) }

  /// Adds a value that is read as an array.
  mutating func addValue(_ type: TensorType, named name: String) -> ValueID {
    let value = ValueID(index: values.count)
    values.append(
      ScheduledValue(
        type: type, name: name, binding: .view(View(dense: value, shape: type.shape))))
    return value
  }

  /// What a value is called in comments.
  func name(of value: ValueID) -> String {
    let name = values[value.index].name
    return name.isEmpty ? "\(value)" : name
  }

  /// The value whose array holds `value`, which may be a window of that array.
  func holder(_ value: ValueID) -> ValueID {
    switch values[value.index].home {
    case .own: value
    case .window(let window): holder(window.view.root)
    case .shared(let other): holder(other)
    }
  }

  /// The window in which a value lives; `nil` for one with an array of its own size.
  func window(of value: ValueID) -> PlacedWindow? {
    if case .window(let window) = values[value.index].home { window } else { nil }
  }

  /// The elements of a value with storage, in its own array or in that of another value.
  func place(of value: ValueID) -> View { window(of: value)?.view ?? whole(value) }

  /// What a view of a value reads, in the array that has the value.
  func placed(_ view: View) -> View {
    guard let window = window(of: view.root)?.view else { return view }
    guard let placed = view.moved(into: window) else {
      preconditionFailure("compiler bug: \(view.root) is read as its window does not allow")
    }
    return placed
  }

  func placed(_ binding: Binding) -> Binding {
    if case .view(let view) = binding { .view(placed(view)) } else { binding }
  }

  /// The address of a value with storage.
  func address(of value: ValueID) -> Pointer {
    guard let pointer = values[holder(value).index].address else {
      preconditionFailure("compiler bug: \(value) of \(name) has no storage")
    }
    return pointer
  }

  /// The values that a step makes: its own, and the arrays in whose windows they live, which no other
  /// step may make any more.
  func valuesMade(by step: ScheduleStep) -> [ValueID] {
    step.writes + step.writes.compactMap { window(of: $0)?.view.root }
  }

  /// All values that steps make.
  var valuesMade: Set<ValueID> { Set(steps.flatMap(valuesMade)) }

  /// For every value that steps make, the position of the last step that writes to it.
  var producers: [ValueID: Int] {
    var producers: [ValueID: Int] = [:]
    for (position, step) in steps.enumerated() {
      for value in valuesMade(by: step) { producers[value] = position }
    }
    return producers
  }

  /// Rewrites the bodies of the region's loops.
  mutating func updateLoops(_ update: (inout ScheduledLoop) -> Void) {
    for position in steps.indices {
      guard case .loop(var loop) = steps[position] else { continue }
      update(&loop)
      steps[position] = .loop(loop)
    }
  }
}
