// SPDX-License-Identifier: Apache-2.0
//
// Declared parameter trees: the names, shapes and initialisers of `params` and `meta`, from which
// come the flattened leaves (names with dots, in order of declaration) and the tree values that
// expressions see.

import Diagnostics
import MixFuseShared
import TensorIR

/// One array of a declared tree.
struct TreeLeaf {
  let type: TensorType
  let initializer: Initializer
  let declaration: Span
  /// What is known of the sizes of the axes beside their values.
  var forms: [SizeForm?] = []
}

/// A declared tree, one of its groups, or one of its arrays.
indirect enum TreeNode {
  case leaf(TreeLeaf)
  /// Stacked groups have the numbers of their layers, outermost first.
  case group(members: [Member], stacks: [Int])
  /// A member with an error that was already reported.
  case broken

  struct Member {
    let name: String
    let node: TreeNode
    let declaration: Span
  }

  /// All arrays below, in order, with their names from here on.
  var leaves: [(path: [String], leaf: TreeLeaf)] {
    switch self {
    case .broken: return []
    case .leaf(let leaf): return [([], leaf)]
    case .group(let members, _):
      return members.flatMap { member in
        member.node.leaves.map { (path: [member.name] + $0.path, leaf: $0.leaf) }
      }
    }
  }

  /// The value with this structure whose arrays are the next of `tensors`.
  func value(_ tensors: inout ArraySlice<Tensor>) -> Value {
    switch self {
    case .broken: return .poison
    case .leaf(let leaf):
      return tensors.popFirst().map { .tensor($0.with(leaf.forms)) } ?? .poison
    case .group(let members, let stacks):
      let fields = members.map { member in
        Tree.Field(
          name: member.name, value: member.node.value(&tensors), declaration: member.declaration)
      }
      return .tree(Tree(fields: fields, stacks: stacks))
    }
  }

  /// The same structure with another initialiser for every array.
  func with(_ initializer: Initializer) -> TreeNode {
    switch self {
    case .broken: return .broken
    case .leaf(let leaf):
      return .leaf(
        TreeLeaf(
          type: leaf.type, initializer: initializer, declaration: leaf.declaration,
          forms: leaf.forms))
    case .group(let members, let stacks):
      let changed = members.map {
        Member(name: $0.name, node: $0.node.with(initializer), declaration: $0.declaration)
      }
      return .group(members: changed, stacks: stacks)
    }
  }

  /// Every array with `size` more leading layers, whose form is known or not.
  func stacked(_ size: Int, _ form: SizeForm?) -> TreeNode {
    switch self {
    case .broken: return .broken
    case .leaf(let leaf):
      let type = TensorType([size] + leaf.type.shape, leaf.type.dtype)
      return .leaf(
        TreeLeaf(
          type: type, initializer: leaf.initializer, declaration: leaf.declaration,
          forms: [form] + leaf.forms))
    case .group(let members, let stacks):
      let changed = members.map {
        Member(name: $0.name, node: $0.node.stacked(size, form), declaration: $0.declaration)
      }
      return .group(members: changed, stacks: [size] + stacks)
    }
  }

  /// One layer of a stacked group: every array without its leading axis.
  var element: TreeNode {
    switch self {
    case .broken: return .broken
    case .leaf(let leaf):
      let type = TensorType(Array(leaf.type.shape.dropFirst()), leaf.type.dtype)
      return .leaf(
        TreeLeaf(
          type: type, initializer: leaf.initializer, declaration: leaf.declaration,
          forms: Array(leaf.forms.dropFirst())))
    case .group(let members, let stacks):
      let changed = members.map {
        Member(name: $0.name, node: $0.node.element, declaration: $0.declaration)
      }
      return .group(members: changed, stacks: Array(stacks.dropFirst()))
    }
  }

  /// How a value differs from this structure, or nil if it has it.
  ///
  /// - Parameter path: what to call the value: `theta.w1`.
  func mismatch(_ value: Value, path: String) -> String? {
    switch (self, value) {
    case (.broken, _), (_, .poison): return nil
    case (.leaf(let leaf), .tensor(let tensor)):
      return tensor.type == leaf.type
        ? nil : "\(path) should be \(leaf.type.spelling), got \(tensor.type.spelling)"
    case (.group(let members, _), .tree(let tree)):
      for member in members {
        guard let field = tree[member.name] else { return "\(path) has no \(member.name)" }
        let inner = "\(path).\(member.name)"
        if let difference = member.node.mismatch(field.value, path: inner) { return difference }
      }
      let known = Set(members.map(\.name))
      let extra = tree.fields.first { !known.contains($0.name) }
      return extra.map { "\(path) has a field \($0.name) too many" }
    default: return "\(path) is \(value.kind)"
    }
  }
}

/// A declared tree with its name.
struct DeclaredTree {
  let name: String
  let root: TreeNode
  let declaration: Span

  /// The leaves under their full names: `theta.block.wq`, or just `lr` for a single array.
  var leaves: [Leaf] { leaves(named: name) }

  /// The leaves as if the tree had another name.
  func leaves(named name: String) -> [Leaf] {
    root.leaves.map { path, leaf in
      Leaf(
        name: ([name] + path).joined(separator: "."), type: leaf.type,
        initializer: leaf.initializer)
    }
  }
}
