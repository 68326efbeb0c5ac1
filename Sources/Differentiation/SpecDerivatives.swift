// SPDX-License-Identifier: Apache-2.0
//
// The derivatives that a spec asks for in its losses, made ready for those that are taken of the losses.
//
// Most are written out. They compute again what the spec computes, too; once equal values are merged,
// a reverse sweep finds each of them once and takes one adjoint of it instead of several. What stays
// whole is a gradient in a loop, or of a function with loops: its derivative is a tangent of it in the
// mixed derivation (`GradientDerivatives.swift`), which keeps nothing of the backward loop. (Without
// loops there is little to keep, and to write it out saves a fifth of the time of a PINN's meta-gradient.)

package import TensorIR

extension Differentiator {
  /// The graph without `jvp` ops, and with those `gradient` ops alone that are no part of another's
  /// function and have to do with loops. Loops keep their carries only, as losses do unless told
  /// otherwise.
  ///
  /// - Throws: `UndefinedDerivative`.
  package func expandSpecDerivatives(in graph: Graph) throws -> Graph {
    guard graph.hasDerivatives else { return graph }
    return try expandSpecDerivatives(
      in: graph.withSavePolicy(.carries), isInLoop: false, isInFunction: false)
  }

  private func expandSpecDerivatives(
    in graph: Graph, isInLoop: Bool, isInFunction: Bool
  ) throws -> Graph {
    let builder = GraphBuilder(name: graph.name)
    var map = ValueMap(for: graph)
    map[graph.inputs] = builder.inputs(like: graph)
    for node in graph.nodes {
      let operands = map[node.operands]
      map[node.results] = try builder.withProvenance(node.provenance) {
        switch node.op {
        case .jvp(var jvp):
          jvp.function = try expandSpecDerivatives(
            in: jvp.function, isInLoop: isInLoop, isInFunction: true)
          return builder.inline(try expandJVP(jvp), operands)
        case .gradient(var gradient):
          gradient.function = try expandSpecDerivatives(
            in: gradient.function, isInLoop: isInLoop, isInFunction: true)
          return !isInFunction && (isInLoop || gradient.function.hasLoops)
            ? builder.append(.gradient(gradient), operands)
            : builder.inline(try expandGradient(gradient), operands)
        case .loop(var loop):
          loop.body = try expandSpecDerivatives(
            in: loop.body, isInLoop: true, isInFunction: isInFunction)
          return builder.append(.loop(loop), operands)
        default: return builder.append(node.op, operands)  // No other op has regions.
        }
      }
    }
    for (name, output) in zip(graph.outputNames, graph.outputs) {
      builder.output(name, map[output])
    }
    return builder.graph
  }
}

extension Graph {
  /// Whether a `jvp` or `gradient` op is in the graph or in a region of it.
  package var hasDerivatives: Bool {
    nodes.contains { node in
      switch node.op {
      case .jvp, .gradient: true
      default: node.op.regions.contains(where: \.hasDerivatives)
      }
    }
  }

  /// Whether a loop is in the graph or in a region of it.
  fileprivate var hasLoops: Bool {
    nodes.contains { node in
      if case .loop = node.op { return true }
      return node.op.regions.contains(where: \.hasLoops)
    }
  }
}
