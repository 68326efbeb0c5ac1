import Foundation
import Interpreter
import Optimization
import TensorIR
import TestSupport
import Testing

@Suite struct ZPrivateShrink {
  @Test func shrink() throws {
    guard let spec = ProcessInfo.processInfo.environment["SHRINK"] else { return }
    let seed = UInt64(spec)!
    let batch = RandomProgramTests.batches.last { $0.firstSeed <= seed }!
    let program = RandomProgram(seed: seed, nodes: batch.nodes, sizes: batch.sizes)
    let passes: [Pass] = !batch.isOptimized ? [.lowerLinearCrossEntropy] : [
      .lowerLinearCrossEntropy, .inlineSingleTripLoops, .simplifyAlgebra,
      .eliminateCommonSubexpressions, .simplifyLoops, .eliminateDeadCode, .hoistLoopInvariants,
    ]
    var graph = runPasses(program.graph, passes) { _, _ in }
    func failing(_ graphs: [Graph]) throws -> Int? {
      guard !graphs.isEmpty else { return nil }
      let library = try CompiledGraphs(graphs, level: .basic)
      for (i, g) in graphs.enumerated() {
        let e = try Evaluator().evaluate(g, inputs: program.inputs)
        guard let f = try? library.call(i, program.inputs) else { return i }
        for (x, y) in zip(e, f) { for (a, b) in zip(x.elements, y.elements) where !(abs(a-b) <= 1e-6 * max(1, abs(a))) { return i } }
      }
      return nil
    }
    // single outputs
    var candidates: [Graph] = []
    for n in graph.nodes { for r in n.results where graph.type(of: r).dtype != .bool {
      var g = graph; g.outputs = [r]; g.outputNames = ["o"]; candidates.append(Pass.eliminateDeadCode.run(g)) } }
    candidates.sort { $0.text.count < $1.text.count }
    if let i = try failing(candidates) { graph = candidates[i] } else { print("no single output fails") }
    // replace nodes by constants / inputs, also in loop bodies
    func reductions(_ g: Graph) -> [Graph] {
      var result: [Graph] = []
      for (n, node) in g.nodes.enumerated() {
        if case .constant = node.op {} else if node.results.count == 1 {
          var h = g
          h.nodes[n] = Node(op: .constant(0.5, g.type(of: node.result)), operands: [], results: node.results, provenance: node.provenance)
          result.append(h)
        }
        // forward an operand of the same type
        if node.results.count == 1, let o = node.operands.first(where: { g.type(of: $0) == g.type(of: node.result) }) {
          var h = g
          for m in h.nodes.indices { h.nodes[m].operands = h.nodes[m].operands.map { $0 == node.result ? o : $0 } }
          h.outputs = h.outputs.map { $0 == node.result ? o : $0 }
          result.append(h)
        }
        if case .loop(let loop) = node.op {
          for b in reductions(loop.body) {
            var l = loop; l.body = b
            var h = g; h.nodes[n].op = .loop(l); result.append(h)
          }
          if loop.tripCount == 1 || true {
            for k in loop.body.outputs.indices where k < loop.carryCount {
              var l = loop; l.body.outputs[k] = loop.body.inputs[k + 1]
              if l.body.outputs[k] != loop.body.outputs[k] { var h = g; h.nodes[n].op = .loop(l); result.append(h) }
            }
          }
        }
      }
      return result
    }
    for _ in 0..<60 {
      var seen = Set<Graph>([graph])
      let all = reductions(graph).map { Pass.simplifyLoopsDCE($0) }.filter { $0.problems().isEmpty && $0.text.count <= graph.text.count && seen.insert($0).inserted }.sorted { $0.text.count < $1.text.count }
      var next: Graph?
      var rest = all[...]
      while !rest.isEmpty, next == nil {
        let part = Array(rest.prefix(25)); rest = rest.dropFirst(25)
        if let i = try failing(part) { next = part[i] }
      }
      guard let next else { break }
      graph = next
    }
    print("SHRUNK seed \(seed)\n\(graph.text)")
    let program2 = scheduled(graph, named: "g")
    print(program2.steps)
    setenv("MIXFUSE_KEEP_C", "/tmp/schedtests_\(seed).c", 1)
    _ = try CompiledGraphs([graph])
    let e = try Evaluator().evaluate(graph, inputs: program.inputs)
    let f = try CompiledGraphs([graph]).call(0, program.inputs)
    print("EXPECTED", e.map(\.elements), "FOUND", f.map(\.elements))
  }
}
extension Pass {
  static func simplifyLoopsDCE(_ g: Graph) -> Graph { Pass.eliminateDeadCode.run(g) }
}
