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

extension RegionPlan {
  /// The elements of a value with storage, in its own array or in that of another value.
  func place(of value: ValueID) -> View {
    windows[value]?.view ?? View(dense: value, shape: types[value.index].shape)
  }

  /// What a view of a value reads, in the array that has the value.
  func placed(_ view: View) -> View {
    guard let window = windows[view.root]?.view else { return view }
    guard let placed = view.moved(into: window) else {
      preconditionFailure("compiler bug: \(view.root) is read as its window does not allow")
    }
    return placed
  }

  func placed(_ binding: Binding) -> Binding {
    if case .view(let view) = binding { .view(placed(view)) } else { binding }
  }

  /// Moves values into the windows that copies would fill; the copies are left as empty clusters.
  ///
  /// - Cost: the number of operands, and of copies times steps between value and copy.
  mutating func placeInWindows() {
    let readers = readersOfRoots()
    for group in copiesByDestination() where !group.contains(where: fillsEverything) {
      var parts = group.compactMap { part(copiedAt: $0, readers) }
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

  /// Positions of copies, those that write to one array together.
  private func copiesByDestination() -> [[Int]] {
    var groups: [ValueID: [Int]] = [:]
    for (position, step) in steps.enumerated() {
      if case .copy(_, _, _, let destination, _) = step {
        groups[destination.root, default: []].append(position)
      }
    }
    return groups.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Whether a copy writes a whole array that other copies write to as well.
  private func fillsEverything(_ position: Int) -> Bool {
    guard case .copy(_, _, _, let destination, _) = steps[position] else { return false }
    return destination == View(dense: destination.root, shape: types[destination.root.index].shape)
  }

  /// The views by which each root is read, by cluster members and copies; `nil` for a root that
  /// other steps or the region's caller read.
  private func readersOfRoots() -> [ValueID: [View]?] {
    var readers: [ValueID: [View]?] = [:]
    func note(_ binding: Binding?) {
      guard case .view(let view) = binding else { return }
      let known = readers[view.root, default: []]
      readers[view.root] = .some(known.map { $0 + [view] })
    }
    for step in steps {
      switch step {
      case .cluster(let cluster):
        for operand in cluster.entries.flatMap({ graph.nodes[$0.node].operands }) {
          note(bindings[operand.index])
        }
      case .copy(let source, _, _, _, _): note(source)
      case .contraction, .gather, .scatterAdd, .attention, .check, .loop, .packing:
        for root in step.rootsRead { readers[root] = .some(nil) }
      }
    }
    for output in graph.outputs {
      if let root = bindings[output.index]?.root { readers[root] = .some(nil) }
    }
    return readers
  }

  /// What a copy copies, if it can be made in the copy's destination.
  private func part(copiedAt position: Int, _ readers: [ValueID: [View]?]) -> Part? {
    guard case .copy(.view(let source), _, _, let destination, let provenance) = steps[position],
      windows[source.root] == nil, windows[destination.root] == nil,
      source == View(dense: source.root, shape: types[source.root.index].shape),
      let producer = producer[source.root], producer < position,
      case .cluster(let cluster) = steps[producer],
      cluster.entries.contains(where: { graph.nodes[$0.node].results == [source.root] }),
      let placement = placement[source.root], let views = readers[source.root] ?? nil,
      views.allSatisfy({ $0.moved(into: destination) != nil })
    else { return nil }
    if case .memoryReduction = placement { return nil }
    return Part(
      value: source.root, window: PlacedWindow(view: destination, provenance: provenance),
      producer: producer, copy: position)
  }

  /// Whether the array of `parts` may exist from the step on that makes them.
  private func mayBegin(with parts: [Part], at position: Int) -> Bool {
    let size = parts.reduce(0) { $0 + types[$1.value.index].elementCount }
    let root = parts[0].window.view.root
    if 2 * size >= types[root.index].elementCount { return true }
    let end = parts.map(\.copy).min() ?? position
    return steps[position..<end].allSatisfy { step in
      switch step {
      case .cluster, .copy: true
      case .contraction, .gather, .scatterAdd, .attention, .check, .loop, .packing: false
      }
    }
  }

  private mutating func place(_ part: Part) {
    // One value may be copied to several places: it is made in the first.
    guard windows[part.value] == nil else { return }
    windows[part.value] = part.window
    steps[part.copy] = .cluster(Cluster(domain: []))
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
