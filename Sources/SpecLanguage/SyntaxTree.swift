// SPDX-License-Identifier: Apache-2.0
//
// Declarations and statements as they are written. A spec file is a list of declarations in any
// order; the comments show the text each one stands for.

package import Diagnostics

/// A parsed file.
package struct SpecFile: Sendable {
  /// The text it was read from.
  package let source: SourceFile
  /// Its declarations, in order; those of imported files come before the importing file's own.
  package var declarations: [Declaration]
  /// The texts of this file and of all it imports, each once.
  package var sources: [SourceFile]

  /// Makes a file from its declarations.
  package init(source: SourceFile, declarations: [Declaration]) {
    self.source = source
    self.declarations = declarations
    sources = [source]
  }
}

/// One declaration of a file.
package enum Declaration: Sendable {
  /// `spec maml_sinusoid`
  case spec(Name)
  /// `import "layers.mix"`
  case importing(path: String, span: Span)
  /// `dim points = 10, hidden = 40`; each name is one declaration.
  case dimension(DimensionDeclaration)
  /// `preset "57M" { layers = 9, width = 576 }`
  case preset(PresetDeclaration)
  /// `seed 7`
  case seed(Int, span: Span)
  /// `let rate = 0.01`
  case constant(BindingStatement)
  /// `params theta { ... }`
  case parameters(TreeDeclaration)
  /// `meta eta = theta.initial`, `meta lr: [] ~ constant(0.1)`, `meta eta { ... }`
  case meta(MetaDeclaration)
  /// `func predict(p: theta, x: [points, 1]) -> [points, 1] { ... }`
  case function(FunctionDeclaration)
  /// `optimizer sgd(rate) { ... }`
  case optimizer(OptimizerDeclaration)
  /// `inner(...) { ... minimize ... by ... for ... }`
  case inner(InnerDeclaration)
  /// `outer(...) { ... minimize ... }`
  case outer(OuterDeclaration)
  /// `batch tasks`
  case batch(Name)
}

/// `points = 10` or `width = heads * head_width`.
package struct DimensionDeclaration: Sendable {
  /// The dimension's name.
  package let name: Name
  /// A whole-number expression in dimensions declared before.
  package let value: Expression
}

/// `preset "57M" { layers = 9, width = 576 }`: sizes that are chosen together by a name.
package struct PresetDeclaration: Sendable {
  /// The text between the quotes.
  package let name: String
  /// The sizes, each of which replaces the default of a dimension.
  package let sizes: [DimensionDeclaration]
  /// The text of the name.
  package let span: Span
}

/// `~ normal(0, 0.1)`: how values are drawn when none are given.
package struct InitializerSyntax: Sendable {
  /// `normal`, `uniform`, `zeros`, ...
  package let name: Name
  /// Constant expressions.
  package let arguments: [Expression]
}

/// A parameter tree or one group of it.
package struct TreeDeclaration: Sendable {
  /// The tree's or group's name.
  package let name: Name
  /// For a layer-stacked group, the number of layers: `block[layers]: { ... }`.
  package let stack: Expression?
  /// The members, in order.
  package let members: [TreeMember]
}

/// A member of a parameter tree.
package enum TreeMember: Sendable {
  /// `w1: [1, hidden] ~ normal(0, 0.1)`
  case leaf(LeafDeclaration)
  /// `head: { ... }` or `block[layers]: { ... }`
  case group(TreeDeclaration)
}

/// One array, or one copy of a tree, with a name and an initialiser.
package struct LeafDeclaration: Sendable {
  /// The name.
  package let name: Name
  /// Its type.
  package let type: LeafType
  /// How it is drawn, if said.
  package let initializer: InitializerSyntax?
}

/// The type of a parameter, meta parameter or optimiser state.
package enum LeafType: Sendable {
  /// `[1, hidden]`
  case tensor(TensorSyntax)
  /// `like theta`, or with axes before those of every array, `[steps] x like theta`.
  case like(path: [Name], leading: TensorSyntax?)
}

/// A declaration of meta parameters.
package enum MetaDeclaration: Sendable {
  /// `meta eta = theta.initial`: the initial parameters are the meta parameters.
  case initial(name: Name, parameters: Name)
  /// `meta lr: [] ~ constant(0.1)` or `meta eta: like theta ~ constant(-6.9)`
  case leaf(LeafDeclaration)
  /// `meta eta { ... }`
  case tree(TreeDeclaration)

  /// The name declared.
  package var name: Name {
    switch self {
    case .initial(let name, _): name
    case .leaf(let leaf): leaf.name
    case .tree(let tree): tree.name
    }
  }
}

/// A parameter of a function or optimiser: `x: [points, 1]`, `axis = -1`, `rate`.
package struct ParameterDeclaration: Sendable {
  /// The name.
  package let name: Name
  /// The type, if declared; without one any value is accepted.
  package let type: TypeSyntax?
  /// The value used when the call gives none.
  package let defaultValue: Expression?
}

/// `func name<n, d>(x: [n, d]) -> [n] { ... }`
package struct FunctionDeclaration: Sendable {
  /// The name.
  package let name: Name
  /// Sizes that each call determines anew, bound by the shapes of the arguments.
  package let shapeVariables: [Name]
  /// The parameters, in order.
  package let parameters: [ParameterDeclaration]
  /// The type of the result, if declared.
  package let result: TypeSyntax?
  /// The body; its last statement returns.
  package let body: [Statement]
}

/// `optimizer momentum(rate, decay = 0.9) { state m: like theta  update(g, theta, step) { ... } }`
package struct OptimizerDeclaration: Sendable {
  /// The name.
  package let name: Name
  /// The parameters, in order.
  package let parameters: [ParameterDeclaration]
  /// The state kept from step to step.
  package let states: [LeafDeclaration]
  /// The names given to the gradient, the parameters and the number of the step (1 for the first).
  package let updateParameters: [Name]
  /// The update; it assigns to the parameters and the state.
  package let update: [Statement]
}

/// `stream y: i32 [batch]`
package struct DataDeclaration: Sendable {
  /// The name.
  package let name: Name
  /// The type, without the axes that `stream` and `batch` add.
  package let type: TensorSyntax
  /// True if each inner step has data of its own.
  package let isStream: Bool
  /// True if all tasks of a batch use the same data.
  package let isShared: Bool
  /// How it is drawn when no data are given, if said.
  package let initializer: InitializerSyntax?
}

/// The inner optimisation.
package struct InnerDeclaration: Sendable {
  /// The data.
  package let data: [DataDeclaration]
  /// Statements before `minimize`.
  package let body: [Statement]
  /// The inner loss.
  package let objective: Expression
  /// The optimiser's name and arguments.
  package let optimizer: Name
  /// The optimiser's arguments.
  package let arguments: [Argument]
  /// The number of steps, a whole-number expression.
  package let steps: Expression
  /// The text it covers.
  package let span: Span
}

/// The outer objective.
package struct OuterDeclaration: Sendable {
  /// The data.
  package let data: [DataDeclaration]
  /// Statements before `minimize`.
  package let body: [Statement]
  /// The outer loss.
  package let objective: Expression
  /// The text it covers.
  package let span: Span
}

/// `let h = relu(x)`, `let (q, k) = split(h)`, `var h = x`
package struct BindingStatement: Sendable {
  /// One name, or the names of the parts of a tuple.
  package let names: [Name]
  /// True if written with parentheses.
  package let isTuple: Bool
  /// True for `var`.
  package let isVariable: Bool
  /// The declared type, if any.
  package let type: TypeSyntax?
  /// The value.
  package let value: Expression
}

/// `for (block, t) in (p.block, times) { ... }`, or with a value that is collected,
/// `for x in reversed(xs) { ... yield h }`
package struct ForStatement: Sendable {
  /// The name, or the names, given to one element.
  package let names: [Name]
  /// True if written with parentheses.
  package let isTuple: Bool
  /// What is iterated: a stacked group, an array, a whole number, a range, or a tuple of them.
  package let sequence: Expression
  /// True if the last iteration comes first.
  package let isReversed: Bool
  /// The statements of one iteration.
  package let body: [Statement]
  /// What an iteration adds to the value of the loop, if it has one.
  package let yielded: Expression?
  /// The text from `for` to the opening brace.
  package let span: Span
}

/// What an assignment changes: a variable, or a part of one.
package struct AssignmentTarget: Sendable {
  /// A way from a value to a part of it.
  package enum Step: Sendable {
    /// `.w1`
    case field(Name)
    /// `[i, :]`
    case subscripts([Subscript], span: Span)
  }

  /// The variable.
  package let name: Name
  /// The way to the part; empty for the whole.
  package let path: [Step]
  /// The text it covers.
  package let span: Span
}

/// A statement.
package enum Statement: Sendable {
  case binding(BindingStatement)
  /// `h = h + 1`, `out[i] = x`, `theta.w1 = w`, `(h, c) = cell(h, c)`
  case assignment([AssignmentTarget], isTuple: Bool, Expression)
  case loop(ForStatement)
  case returning(Expression, span: Span)
}
