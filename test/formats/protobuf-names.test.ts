/** Names in Protobuf schemas that every object has: inner ones while protobufjs has them, and the way back. */
import { expect, it } from 'vitest';
import {
  innerName,
  ownName,
  renameDescriptor,
  withInnerNames,
} from '../../src/formats/protobuf/protobuf-names.js';

it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])('%s comes back', (name) => {
  expect(innerName(name)).not.toBe(name);
  expect(ownName(innerName(name))).toBe(name);
  expect(innerName(`a.${name}.b`)).toBe(`a.${innerName(name)}.b`);
});

it.each(['id', 'constructors', 'my_own_name', 'constructor_own'])('%s stays', (name) => {
  expect(innerName(name)).toBe(name);
  expect(ownName(name)).toBe(name);
});

it('a text has them where names stand, not in strings and comments', () => {
  const text = 'message valueOf { string id = 1; /* valueOf */ } // valueOf\noption x = "valueOf";';
  expect(withInnerNames(text)).toBe(text.replace('valueOf', innerName('valueOf')));
});

it('a descriptor has them in names of messages, fields and types, however deep', () => {
  const bytes = Uint8Array.of(1, 2);
  const descriptor = {
    file: [
      {
        name: 'toString',
        package: 'valueOf',
        messageType: [
          { name: 'M', field: [{ name: 'valueOf', typeName: '.a.toString', number: 1 }] },
        ],
        options: { bytes, nothing: null },
      },
    ],
  };
  renameDescriptor(descriptor);
  expect(descriptor.file[0]).toEqual({
    name: innerName('toString'),
    package: 'valueOf',
    messageType: [
      {
        name: 'M',
        field: [{ name: innerName('valueOf'), typeName: innerName('.a.toString'), number: 1 }],
      },
    ],
    options: { bytes, nothing: null },
  });
});
