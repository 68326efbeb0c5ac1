// SPDX-License-Identifier: Apache-2.0
//
// A schedule as text, for `mixfuse dump --stage schedule`: the steps in order, what each reads, and
// what passes have decided about where values live. One step a line, members of clusters and bodies
// of loops indented below:
//
//     schedule "meta_gradient" {
//       input %0 w: f32[40, 40]
//       cluster [8, 64] rows over [1] {
//         element 0: %3 h = tanh %2
//         row sum 0: %4 = reduce_sum axes [1] %3
//         element 1: %6 = divide %3, %4[shape [8, 64] strides [1, 0]]   // spec.mix:14:9
//       }
//       output %9 w1: %8, replaces %0
//       %8 in the array of %9
//     }

import Kernels
import TensorIR

extension Schedule {
  /// The schedule as text, ending in a newline; once calls are emitted, those are in `Program`'s.
  ///
  /// - Cost: linear in the size of the text.
  package var text: String {
    "schedule \"\(name)\" {\n" + region.lines.map { "  \($0)\n" }.joined() + "}\n"
  }
}

extension RegionSchedule {
  /// The lines of the region: inputs, steps, outputs, homes and addresses.
  fileprivate var lines: [String] {
    inputs.map { "input \(named($0)): \(type(of: $0))" + text(ofNumber: $0) }
      + steps.flatMap(lines) + outputs.map(line) + values.indices.compactMap(homeLine)
  }

  /// A value with its name.
  private func named(_ value: ValueID) -> String {
    let name = values[value.index].name
    return name.isEmpty ? "\(value)" : "\(value) \(name)"
  }

  /// Of an input that is no array: the number that it is.
  private func text(ofNumber input: ValueID) -> String {
    switch binding(of: input) {
    case .view, nil: ""
    case .some(let number): " = \(text(number))"
    }
  }

  private func line(of output: RegionOutput) -> String {
    let source = binding(of: output.value).map(text) ?? "\(output.value)"
    let replaced = output.replaces.map { ", replaces \($0)" } ?? ""
    return "output \(named(output.slot)): " + source + replaced
  }

  /// Where a value lives, if that has been decided.
  private func homeLine(_ index: Int) -> String? {
    let value = ValueID(index: index)
    let place = values[index].address.map { " at \($0.text)" } ?? ""
    switch values[index].home {
    case .own: return place.isEmpty ? nil : "\(value)\(place)"
    case .window(let window): return "\(value) in \(text(.view(window.view)))\(place)"
    case .shared(let other): return "\(value) in the array of \(other)\(place)"
    }
  }

  // MARK: Steps

  private func lines(of step: ScheduleStep) -> [String] {
    switch step {
    case .cluster(let cluster):
      return ["cluster \(cluster.domain)\(rows(of: cluster)) {"] + members(of: cluster) + ["}"]
    case .contraction(let contraction):
      let panels = [("a", contraction.panels.a), ("b", contraction.panels.b)].compactMap {
        operand, panels in panels.map { " \(operand) from panels \($0)" }
      }
      let head = line(
        contraction.node, [.view(contraction.lhs), .view(contraction.rhs)],
        extra: panels.joined())
      guard let epilogue = contraction.epilogue else { return [head] }
      return [head + " then {"] + members(of: epilogue) + ["}"]
    case .lone(let lone): return [line(lone.node, lone.operands.map { .view($0) })]
    case .check(let node, let indices): return [line(node, [indices])]
    case .attention(let node, let operands): return [line(node, operands.map { .view($0) })]
    case .copy(let copy):
      return [
        "copy \(text(.view(copy.destination))) = \(text(copy.source))" + comment(copy.provenance)
      ]
    case .packing(let packing):
      let panels = packing.operand.panels
      return [
        "packing \(named(packing.destination)) = \(packing.operand.root) + \(packing.operand.offset), "
          + "\(panels.lines) lines of \(panels.terms) terms, panels of \(panels.width)"
          + comment(packing.provenance)
      ]
    case .loop(let loop):
      let operands = loop.operands.map(text).joined(separator: ", ")
      let panels = loop.panels.map { ", panels \($0.inner) from \($0.outer)" }.joined()
      let results = loop.node.results.map(named).joined(separator: ", ")
      return [
        "\(results) = loop \(loop.node.op.attributeText)\(loop.isParallel ? " parallel" : "") "
          + "i\(loop.variable.index) \(operands)\(panels) {"
      ] + loop.body.lines.map { "  " + $0 } + ["}"]
    }
  }

  private func rows(of cluster: Cluster) -> String {
    cluster.rowAxes.map { " rows over \($0)" } ?? ""
  }

  private func members(of cluster: Cluster) -> [String] {
    cluster.entries.map { "  \($0.placement.text): \(line($0.node, $0.operands))" }
  }

  /// `%6 h = tanh %5   // spec.mix:14:9`.
  private func line(_ node: Node, _ operands: [Binding], extra: String = "") -> String {
    let results = node.results.map(named).joined(separator: ", ")
    return "\(results) = \(node.op.text) \(operands.map(text).joined(separator: ", "))\(extra)"
      + comment(node.provenance)
  }

  private func comment(_ provenance: Provenance) -> String {
    let text = provenance.text
    return text.isEmpty ? "" : "   // " + text
  }

  /// How an operand is read: `%3` for the whole of a dense value.
  private func text(_ binding: Binding) -> String {
    switch binding {
    case .constant(let value): return "\(value)"
    case .axisIndex(let axis, let offset): return "index(axis \(axis), offset \(offset))"
    case .stepIndex(let variable): return "i\(variable.index)"
    case .view(let view):
      if view == whole(view.root) { return "\(view.root)" }
      let offset = view.offset == 0 ? "" : "offset \(view.offset) "
      return "\(view.root)[\(offset)shape \(view.shape) strides \(view.strides)]"
    }
  }
}

extension ClusterPlacement {
  /// The kind and the traversal: `element 0`.
  fileprivate var text: String {
    switch self {
    case .element(let phase): "element \(phase)"
    case .row(let phase): "row \(phase)"
    case .rowReduction(let phase): "row sum \(phase)"
    case .memoryReduction(let phase): "memory sum \(phase)"
    }
  }
}

extension Pointer {
  /// Array number, offset and moving parts: `array 3 + 40 i1`.
  fileprivate var text: String {
    let offset = offset == 0 ? "" : " + \(offset)"
    let terms = terms.map { " + \($0.stride) i\($0.variable.index)" }.joined()
    return "array \(buffer)" + offset + terms
  }
}
