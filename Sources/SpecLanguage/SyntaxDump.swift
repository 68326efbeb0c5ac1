// SPDX-License-Identifier: Apache-2.0
//
// The syntax tree as indented text, without places: what `mixfuse dump --stage ast` shows, and how
// tests compare two trees ("parse, print, parse again gives the same tree"). It walks the tree by
// reflection, so a new kind of node needs no code here and cannot be forgotten.

import Diagnostics

extension SpecFile {
  /// The declarations as indented text; two files with equal texts differ in layout only.
  package var syntaxDescription: String {
    var text = ""
    for declaration in declarations { describe(declaration, label: nil, depth: 0, into: &text) }
    return text
  }
}

/// Writes one node and its parts, one line each; spans and absent options are left out.
private func describe(_ value: Any, label: String?, depth: Int, into text: inout String) {
  if value is Span { return }
  let mirror = Mirror(reflecting: value)
  if mirror.displayStyle == .optional {
    if let wrapped = mirror.children.first {
      describe(wrapped.value, label: label, depth: depth, into: &text)
    }
    return
  }
  let indent = String(repeating: "  ", count: depth)
  let prefix = label.flatMap { $0.hasPrefix(".") || $0 == "some" ? nil : "\($0): " } ?? ""
  switch value {
  case let name as Name:
    text += "\(indent)\(prefix)\(name.text)\n"
  case let expression as Expression:
    describe(expression.kind, label: label, depth: depth, into: &text)
  default:
    describeNode(mirror, value: value, prefix: indent + prefix, depth: depth, into: &text)
  }
}

private func describeNode(
  _ mirror: Mirror, value: Any, prefix: String, depth: Int, into text: inout String
) {
  switch mirror.displayStyle {
  case .enum where !mirror.children.isEmpty:
    for child in mirror.children {
      text += "\(prefix)\(child.label ?? "")\n"
      // A payload of several values is reflected as a tuple.
      let payload = Mirror(reflecting: child.value)
      if payload.displayStyle == .tuple {
        for part in payload.children {
          describe(part.value, label: part.label, depth: depth + 1, into: &text)
        }
      } else {
        describe(child.value, label: nil, depth: depth + 1, into: &text)
      }
    }
  case .struct where !mirror.children.isEmpty && !(value is String):
    text += "\(prefix)\(mirror.subjectType)\n"
    for child in mirror.children {
      describe(child.value, label: child.label, depth: depth + 1, into: &text)
    }
  case .collection:
    guard !mirror.children.isEmpty else { return }
    text += "\(prefix)[\(mirror.children.count)]\n"
    for child in mirror.children {
      describe(child.value, label: nil, depth: depth + 1, into: &text)
    }
  default:
    text += "\(prefix)\(value)\n"
  }
}
