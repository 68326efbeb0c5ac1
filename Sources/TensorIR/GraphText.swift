// SPDX-License-Identifier: Apache-2.0
//
// The text form of a graph, for dumps, golden files and bug reports; `GraphParser` reads it back to
// an equal graph. One node a line, regions indented below their node:
//
//     graph "maml" {
//       input %0 "w": f32[40]
//       %1 = constant{0.5 f32[40]} : f32[40]
//       %2 w_adj @layer (state) = multiply %0, %1 : f32[40]   // maml.mix:14:9, vjp of scale
//       output "loss" %2
//     }
//
// A name of the result, the function of the spec that it comes from and what it is for stand before
// the `=`, where they are known. The comment is the rest of the provenance: the location (`-` if there
// is none), then the rules. A comma or backslash inside one of them is written with a backslash before
// it.

extension Graph {
  /// The whole graph as text, ending in a newline.
  ///
  /// - Cost: linear in the size of the text.
  package var text: String {
    var text = ""
    appendText(to: &text, keyword: "graph", indentation: "")
    return text
  }

  private func appendText(to text: inout String, keyword: String, indentation: String) {
    text += "\(indentation)\(keyword) \(quoted(name)) {\n"
    let inner = indentation + "  "
    for (value, name) in zip(inputs, inputNames) {
      text += "\(inner)input \(value) \(quoted(name)): \(type(of: value))\n"
    }
    for node in nodes {
      text += inner
      text += line(for: node)
      text += "\n"
      for region in node.op.regions {
        region.appendText(to: &text, keyword: "body", indentation: inner + "  ")
      }
    }
    for (value, name) in zip(outputs, outputNames) {
      text += "\(inner)output \(quoted(name)) \(value)\n"
    }
    text += "\(indentation)}\n"
  }

  /// One node without its regions:
  /// `%2 h @predict (activation) = multiply %0, %1 : f32[40]   // maml.mix:14:9`.
  package func line(for node: Node) -> String {
    let results = node.results.map(\.description).joined(separator: ", ")
    let operands = node.operands.map(\.description).joined(separator: ", ")
    let types = node.results.map { type(of: $0).description }.joined(separator: ", ")
    let provenance = node.provenance
    let name = provenance.name.isEmpty ? "" : " " + provenance.name
    let function = provenance.function.isEmpty ? "" : " @" + provenance.function
    let purpose = provenance.purpose.map { " (\($0.rawValue))" } ?? ""
    var line = "\(results)\(name)\(function)\(purpose) = \(node.op.text)"
    if !operands.isEmpty { line += " " + operands }
    line += " : " + types
    let comment = provenance.text
    if !comment.isEmpty { line += "   // " + comment }
    return line
  }
}

extension Provenance {
  /// The comment behind a node; empty if nothing is known.
  package var text: String {
    if location.isEmpty && rules.isEmpty { return "" }
    let parts = [location.isEmpty ? "-" : location] + rules
    return parts.map(escapingCommas).joined(separator: ", ")
  }
}

/// `name` in double quotes, with a backslash before quotes and backslashes inside.
func quoted(_ name: String) -> String {
  var text = "\""
  for scalar in name.unicodeScalars {
    switch scalar {
    case "\"", "\\": text += "\\\(scalar)"
    case "\n": text += "\\n"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}

private func escapingCommas(_ part: String) -> String {
  var text = ""
  for scalar in part.unicodeScalars {
    switch scalar {
    case ",", "\\": text += "\\\(scalar)"
    case "\n": text += "\\n"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text
}
