// SPDX-License-Identifier: Apache-2.0
//
// Makes the parts of concatenations and padded arrays where they belong, so that they need not be
// copied there.
//
//   before:  cluster: store %a, store %b         after:  cluster: store %c[..., :4], store %c[..., 4:]
//            copy %a to %c[..., :4]
//            copy %b to %c[..., 4:]
//
// That is done if nothing but clusters and copies reads the part, by strides that the larger array
// has too. The larger array then exists from the making of its first part on, so a part is placed
// only if that costs no memory to speak of: if at least half of the array is made there, or if only
// clusters and copies run in between.

import TensorIR

/// Where a value lives that has no array of its own.
struct PlacedWindow {
  /// The window, in the array of another value; of the value's own shape.
  var view: View
  /// The op that would have copied it.
  var provenance: Provenance
}

/// Places the parts of one region's arrays.
struct WindowPlacement {
  private var region: RegionSchedule
  private let producers: [ValueID: Int]
  private let readers: [ValueID: Readers]
  /// Positions of copies that are not needed any more.
  private var unneeded: Set<Int> = []

  /// Rewrites a region and the loop bodies inside of it.
  ///
  /// - Cost: the number of operands, and of copies times steps between value and copy.
  static func run(on region: inout RegionSchedule) {
    var pass = WindowPlacement(region)
    pass.placeParts()
    region = pass.region
    region.steps = region.steps.indices.filter { !pass.unneeded.contains($0) }.map {
      pass.region.steps[$0]
    }
    region.updateLoops { run(on: &$0.body) }
  }

  private init(_ region: RegionSchedule) {
    self.region = region
    producers = region.producers
    readers = Self.readers(in: region)
  }

  private mutating func placeParts() {
    for group in copiesByDestination() where !group.contains(where: fillsEverything) {
      var parts = group.compactMap(part)
      while let first = parts.map(\.producer).min() {
        let early = parts.filter { $0.producer == first }
        if mayBegin(with: early, at: first) {
          for part in parts { place(part) }
          break
        }
        parts.removeAll { $0.producer == first }
      }
    }
  }

  /// A value that could be made in a window.
  private struct Part {
    var value: ValueID
    var window: PlacedWindow
    /// Positions of the steps that make and that copy it.
    var producer: Int
    var copy: Int
  }

  /// Who reads a value.
  private enum Readers {
    /// Cluster members and copies alone, by these views.
    case elementwise([View])
    /// Other steps, or the region's caller.
    case any
  }

  private static func readers(in region: RegionSchedule) -> [ValueID: Readers] {
    var readers: [ValueID: Readers] = [:]
    func note(_ view: View) {
      switch readers[view.root] ?? .elementwise([]) {
      case .elementwise(let views): readers[view.root] = .elementwise(views + [view])
      case .any: break
      }
    }
    for step in region.steps {
      switch step {
      case .cluster(let cluster): cluster.views.forEach(note)
      case .copy(let copy): if case .view(let view) = copy.source { note(view) }
      case .contraction, .lone, .attention, .check, .loop, .packing:
        for root in step.reads { readers[root] = .any }
      }
    }
    for output in region.outputs {
      if let root = region.binding(of: output.value)?.root { readers[root] = .any }
    }
    return readers
  }

  /// Positions of copies, those that write to one array together.
  private func copiesByDestination() -> [[Int]] {
    var groups: [ValueID: [Int]] = [:]
    for (position, step) in region.steps.enumerated() {
      if case .copy(let copy) = step {
        groups[copy.destination.root, default: []].append(position)
      }
    }
    return groups.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Whether a copy writes a whole array that other copies write to as well.
  private func fillsEverything(_ position: Int) -> Bool {
    guard case .copy(let copy) = region.steps[position] else { return false }
    return copy.destination == region.whole(copy.destination.root)
  }

  /// What a copy copies, if it can be made in the copy's destination.
  private func part(copiedAt position: Int) -> Part? {
    guard case .copy(let copy) = region.steps[position], case .view(let source) = copy.source,
      region.window(of: source.root) == nil, region.window(of: copy.destination.root) == nil,
      source == region.whole(source.root),
      let producer = producers[source.root], producer < position,
      case .cluster(let cluster) = region.steps[producer],
      let placement = cluster.placement(of: source.root),
      case .elementwise(let views)? = readers[source.root],
      views.allSatisfy({ $0.moved(into: copy.destination) != nil })
    else { return nil }
    if case .memoryReduction = placement { return nil }
    return Part(
      value: source.root,
      window: PlacedWindow(view: copy.destination, provenance: copy.provenance),
      producer: producer, copy: position)
  }

  /// Whether the array of `parts` may exist from the step on that makes them.
  private func mayBegin(with parts: [Part], at position: Int) -> Bool {
    let size = parts.reduce(0) { $0 + region.type(of: $1.value).elementCount }
    let root = parts[0].window.view.root
    if 2 * size >= region.type(of: root).elementCount { return true }
    let end = parts.map(\.copy).min() ?? position
    return region.steps[position..<end].allSatisfy { step in
      switch step {
      case .cluster, .copy: true
      case .contraction, .lone, .attention, .check, .loop, .packing: false
      }
    }
  }

  private mutating func place(_ part: Part) {
    // One value may be copied to several places: it is made in the first.
    guard region.window(of: part.value) == nil else { return }
    region.values[part.value.index].home = .window(part.window)
    unneeded.insert(part.copy)
  }
}

extension View {
  /// The view of a value that lives in `window` of another array instead of a dense array of its
  /// own; `nil` if no strides express it.
  package func moved(into window: View) -> View? {
    // Axes that are dense in the window as well count as one: what merges them stays possible.
    var axes: [(extent: Int, dense: Int, stride: Int)] = []
    for axis in window.shape.indices.reversed() where window.shape[axis] != 1 {
      let (extent, stride) = (window.shape[axis], window.strides[axis])
      if let inner = axes.last, stride == inner.extent * inner.stride {
        axes[axes.count - 1].extent *= extent
      } else {
        let dense = axes.last.map { $0.extent * $0.dense } ?? 1
        axes.append((extent, dense, stride))
      }
    }
    // The offset as one index an axis, outermost first; then what each axis of the view adds.
    axes.reverse()
    var last: [Int] = []
    var (rest, moved) = (offset, window)
    for axis in axes {
      last.append(rest / axis.dense)
      moved.offset += rest / axis.dense * axis.stride
      rest %= axis.dense
    }
    moved.shape = shape
    moved.strides = []
    for (extent, stride) in zip(shape, strides) {
      guard extent > 1, stride != 0 else {
        moved.strides.append(0)
        continue
      }
      guard let number = axes.firstIndex(where: { $0.dense <= stride }),
        stride % axes[number].dense == 0
      else { return nil }
      let steps = stride / axes[number].dense
      last[number] += (extent - 1) * steps
      moved.strides.append(steps * axes[number].stride)
    }
    return zip(last, axes).allSatisfy { $0 < $1.extent } ? moved : nil
  }
}
