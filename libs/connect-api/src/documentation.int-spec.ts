import path from 'node:path';
import ts from 'typescript';

/** Members of classes and interfaces that an author meets: not private, not inherited, not overrides of what is described elsewhere. */
function undescribed(): string[] {
  const entry = path.join(__dirname, 'index.ts');
  const program = ts.createProgram([entry], { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2023, types: ['node'], skipLibCheck: true });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error('no module');
  const isDescribed = (symbol: ts.Symbol): boolean => symbol.getDocumentationComment(checker).length > 0;
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const members = [...(symbol.members?.values() ?? []), ...(symbol.flags & ts.SymbolFlags.Class ? (symbol.exports?.values() ?? []) : [])].filter((member) => {
      const [declaration] = member.declarations ?? [];
      if (!declaration || member.name.startsWith('__') || member.name === 'prototype' || ts.isTypeParameterDeclaration(declaration)) return false;
      const flags = ts.getCombinedModifierFlags(declaration);
      return (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Override)) === 0 && !(ts.isPropertyDeclaration(declaration) && ts.isPrivateIdentifier(declaration.name));
    });
    return [...(isDescribed(symbol) ? [] : [symbol.name]), ...members.filter((it) => !isDescribed(it)).map((it) => `${symbol.name}.${it.name}`)];
  });
}

it('describes everything that an author meets', () => {
  expect(undescribed()).toEqual([]);
}, 60_000);
