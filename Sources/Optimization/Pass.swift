// SPDX-License-Identifier: Apache-2.0
//
// A pass is a value: a name, a summary and a function from graph to graph. Pipelines are lists of
// passes; no pass calls another. Each pass has a file of its own, named by its verb phrase, and
// declares itself as a static member of `Pass`. All passes go into the regions of loops and
// gradients, keep the inputs and outputs of the graph as they are, and run in (nearly) linear time.

package import TensorIR

/// A transformation of graphs that keeps their meaning.
package struct Pass: Sendable {
  /// Lower-case words; `--after-pass` takes it with dashes for the blanks.
  package let name: String
  /// One line for the help text.
  package let summary: String
  package let run: @Sendable (Graph) -> Graph

  package init(name: String, summary: String, run: @escaping @Sendable (Graph) -> Graph) {
    self.name = name
    self.summary = summary
    self.run = run
  }
}

/// Runs passes one after another.
///
/// - Parameter observe: Called after each pass with its result: for the verifier and for dumps.
package func runPasses(
  _ graph: Graph, _ passes: [Pass], observe: (Pass, Graph) throws -> Void
) rethrows -> Graph {
  var graph = graph
  for pass in passes {
    graph = pass.run(graph)
    try observe(pass, graph)
  }
  return graph
}

/// Runs passes one after another.
package func runPasses(_ graph: Graph, _ passes: [Pass]) -> Graph {
  runPasses(graph, passes) { _, _ in }
}
