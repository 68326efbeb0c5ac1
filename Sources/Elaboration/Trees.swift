// SPDX-License-Identifier: Apache-2.0
//
// From the syntax of `params`, `meta` and data to shapes and initialisers.

import Diagnostics
import MixFuseShared
import SpecLanguage
import TensorIR

extension Elaborator {
  /// Declares the parameter tree and all meta parameters, in order. Members with errors are
  /// `.broken`, so that the rest of the spec can still be looked at.
  func declareTrees() -> (parameters: DeclaredTree?, metas: [DeclaredTree]) {
    let parameters = declarations.parameters.map { syntax in
      declare(syntax.name, attempt { try group(syntax) })
    }
    let metas = declarations.metas.map { meta in declare(meta.name, attempt { try root(of: meta) })
    }
    return (parameters, metas)
  }

  private func declare(_ name: Name, _ root: TreeNode?) -> DeclaredTree {
    let tree = DeclaredTree(name: name.text, root: root ?? .broken, declaration: name.span)
    trees[tree.name] = tree
    return tree
  }

  private func root(of meta: MetaDeclaration) throws -> TreeNode {
    switch meta {
    case .initial(_, let parameters):
      guard parameters.text == declarations.parameters?.name.text else {
        throw fail(
          .nameUnknown(parameters.text), at: parameters.span,
          help: declarations.parameters.map { "the parameters are called \($0.name.text)" })
      }
      return try node(at: [parameters])
    case .leaf(let leaf): return try node(of: leaf)
    case .tree(let tree): return try group(tree)
    }
  }

  /// A tree or group.
  private func group(_ syntax: TreeDeclaration) throws -> TreeNode {
    var members: [TreeNode.Member] = []
    if syntax.members.isEmpty {
      _ = fail(
        .kind(what: syntax.name.text, expected: "at least one array", found: "none"),
        at: syntax.name.span)
    }
    for member in syntax.members {
      let name = member.name
      if let previous = members.first(where: { $0.name == name.text }) {
        let note = DiagnosticNote("\(name.text) was declared here before", at: previous.declaration)
        _ = fail(.declarationRepeated(name.text), at: name.span, notes: [note])
        continue
      }
      let node = attempt { () -> TreeNode in
        switch member {
        case .leaf(let leaf): return try self.node(of: leaf)
        case .group(let group): return try self.group(group)
        }
      }
      members.append(
        TreeNode.Member(name: name.text, node: node ?? .broken, declaration: name.span))
    }
    let node = TreeNode.group(members: members, stacks: [])
    guard let stack = syntax.stack else { return node }
    let stacked = node.stacked(
      try positive(stack, "the number of layers"), sizeForm(stack))
    for (_, leaf) in stacked.leaves {
      try requireAddressable(leaf.type.shape, at: leaf.declaration)
    }
    return stacked
  }

  /// An array of a tree, or a copy of another tree.
  func node(of leaf: LeafDeclaration) throws -> TreeNode {
    switch leaf.type {
    case .like(let path, let leading):
      let node = try stacked(try node(at: path), leading)
      guard let syntax = leaf.initializer else { return node }
      return node.with(try initializer(syntax, dtype: floatType))
    case .tensor(let syntax):
      let type = try self.type(syntax)
      guard type.dtype.isFloat else {
        throw fail(
          .kind(what: leaf.name.text, expected: "an array of floats", found: type.spelling),
          at: syntax.span)
      }
      let initializer =
        try leaf.initializer.map { try self.initializer($0, dtype: type.dtype) }
        ?? (type.rank >= 2 ? .glorot : .zeros)
      return .leaf(
        TreeLeaf(
          type: type, initializer: initializer, declaration: leaf.name.span,
          forms: sizeForms(syntax)))
    }
  }

  /// A tree with the axes of `[steps] x like theta` before those of every array.
  ///
  /// - Errors: `type.kind`, if they have an element type; `shape.size` and those of sizes.
  private func stacked(_ node: TreeNode, _ leading: TensorSyntax?) throws -> TreeNode {
    guard let leading else { return node }
    if let word = leading.elementType {
      throw fail(
        .kind(what: "what stands before 'x like'", expected: "only sizes", found: word.text),
        at: word.span)
    }
    let axes = zip(try type(leading).shape, sizeForms(leading)).reversed()
    let stacked = axes.reduce(node) { $0.stacked($1.0, $1.1) }
    for (_, leaf) in stacked.leaves { try requireAddressable(leaf.type.shape, at: leading.span) }
    return stacked
  }

  /// A written type with all its sizes known.
  func type(_ syntax: TensorSyntax) throws -> TensorType {
    let sizes = try syntax.shape.map { entry in
      switch entry {
      case .size(let expression): return try positive(expression, "a size")
      case .ellipsis(let span):
        throw fail(.kind(what: "a size", expected: "a whole number", found: "..."), at: span)
      }
    }
    try requireAddressable(sizes, at: syntax.span)
    return TensorType(sizes, try elementType(syntax.elementType))
  }

  /// A whole number of at least 1.
  func positive(_ expression: Expression, _ what: String) throws -> Int {
    let value = try integer(expression, what)
    guard value >= 1 else {
      throw fail(
        .kind(what: what, expected: "at least 1", found: String(value)), at: expression.span)
    }
    return value
  }
}

extension TreeMember {
  /// The name of the array or group.
  fileprivate var name: Name {
    switch self {
    case .leaf(let leaf): leaf.name
    case .group(let group): group.name
    }
  }
}

// MARK: - Data and initialisers

/// A data array with what its declaration says.
struct DeclaredData {
  let data: DataLeaf
  let name: Name
  /// What is known of the sizes of the axes beside their values.
  let forms: [SizeForm?]
}

extension Elaborator {
  /// The data of `inner` or `outer`; arrays with errors are left out.
  func declareData(_ syntax: [DataDeclaration], isOuter: Bool) -> [DeclaredData] {
    syntax.compactMap { datum in
      attempt {
        let type = try type(datum.type)
        if datum.isStream, isOuter {
          throw fail(
            .kind(
              what: "outer data", expected: "the same at every step", found: "a stream"),
            at: datum.name.span)
        }
        let fallback = type.dtype.isFloat ? Initializer.normal(mean: 0, deviation: 1) : .zeros
        let initializer =
          try datum.initializer.map { try self.initializer($0, dtype: type.dtype) } ?? fallback
        let leaf = Leaf(name: datum.name.text, type: type, initializer: initializer)
        let isBatched = declarations.batch != nil && !datum.isShared
        return DeclaredData(
          data: DataLeaf(leaf: leaf, isStreamed: datum.isStream, isBatched: isBatched),
          name: datum.name, forms: sizeForms(datum.type))
      }
    }
  }
}
