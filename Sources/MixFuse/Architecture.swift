// SPDX-License-Identifier: Apache-2.0
//
// No code here: this file is the map. Read it after README.md.
//
// MixFuse turns a spec of a bilevel problem into a shared library that computes its meta-gradient.
// Data flows one way, through one target a stage; a stage may import only what Package.swift lists
// for it (Tests/MixFuseTests/LayeringTests.swift holds the sources to that).
//
//   spec text -> SyntaxTree -> MetaProblem -> Graph -> Program -> C -> object -> .so + manifest
//
// MixFuseShared    What the compiler and the runtime share: the manifest that one writes and the other
//                  reads, element types, initialisers; files written whole or not at all, one or
//                  several, what killed processes left being known by its locks and removed; the name
//                  nearest to a misspelt one; random numbers by a fixed algorithm.
// Diagnostics      Source files, spans, messages with ids, caret rendering. Every stage reports into a
//                  collector that is passed in; only the executable prints.
// SpecLanguage     Lexer, parser, syntax tree, printer, and the prelude: layers, losses and optimisers
//                  written in the language itself.
// TensorIR         The op catalogue and the graph. Static shapes, explicit broadcasts, loops that stay
//                  loops. A `MetaProblem` is four graphs and the names of their arrays; no later stage
//                  knows that a spec language exists. It has a text form (`ProblemText.swift`), which
//                  every command reads in place of a spec: the door for other front ends, such as the
//                  tracer of JAX programs in Python/src/mixfuse/importing.
// Kernels          What a kernel is, with everything about it decided: loop nests, and plans of
//                  products, attention and packing (form, tiles, panels, units, scratch memory) that
//                  follow from a shape and a `Machine`. Every number about machines is in
//                  `Kernels/Machine`, beside its measurement.
// Elaboration      Syntax tree to MetaProblem: names, shapes and types are checked here and only here.
// Interpreter      What each op means, slowly, in Float64 or Float32. The oracle of all tests.
// Differentiation  One derivative rule per op; JVP and VJP as functions from graph to graph. The inner
//                  gradient is one op, `gradient`; the VJP of that op is forward-over-reverse in the
//                  mixed derivation and reverse-over-reverse in the standard one. Everything else about
//                  the two is the same code. Derivatives that a spec asks for in its losses (`gradient`
//                  and `jvp` ops) are written out before (`SpecDerivatives.swift`).
// Optimization     Passes over graphs. `Pipelines.swift` is the list, with a reason for each place in it.
// Scheduling       Graph to Program: which ops share a loop nest or follow a product block by block,
//                  which operands are packed once, in what order, at which addresses. The arena is laid
//                  out here; the number printed is the number used. How a kernel is computed it asks
//                  Kernels. `SchedulePipeline.swift` is the list of its passes.
// CEmission        Program to C, deciding nothing. Fixed text comes from Templates/, loop nests from
//                  the Program, products and attention from their plans; a folder for each.
// Toolchain        libclang checks the C and reads its interface back, LLVM compiles it for a CPU, a
//                  linker makes the library; the build cache is here.
// MixFuse          This target: the stages in a row (`Compilation.swift`), what writes files
//                  (`Build.swift`), the oracles (`Verification`).
// MixFuseRuntime   Loads and runs libraries; imports nothing of the above but MixFuseShared.
//
// Invariants
//   - A Graph that leaves a stage passes the verifier; tests run it after every pass.
//   - The five switches over all ops (types, interpreter, cost, derivative rule, kernels) have no
//     default.
//   - Same spec and options, same bytes of C.
//   - Kernels trust every index: what a gather reads was proved, checked at entry, or checked and
//     clamped by a kernel before it (`TensorIR/PositionGuard.swift`).
//   - A library allocates nothing, prints nothing, has no state, and gives the same bits for any number
//     of threads.
//   - Files are written whole or not at all.
