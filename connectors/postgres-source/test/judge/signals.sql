-- Signals, each followed by the whole snapshot that it asks for.
select signal('one', 'execute-snapshot', '{"data-collections": ["public.chunked"]}');
select signal('pair', 'execute-snapshot', '{"data-collections": ["public.chunked_pair"], "type": "incremental"}');
select signal('filtered', 'execute-snapshot', '{"data-collections": ["public.chunked", "public.chunked_pair"], "type": "INCREMENTAL", "additional-conditions": [{"data-collection": "public.chunked", "filter": "id % 2 = 0"}, {"data-collection": "public.chunked_p.*", "filter": "v > 4"}]}');
select signal('surrogate', 'execute-snapshot', '{"data-collections": ["public.chunked"], "surrogate-key": "v"}');
select signal('nothing', 'execute-snapshot', '{"data-collections": ["public.no_key", "public.empty_table"]}');
select signal('unknown', 'execute-snapshot', '{"data-collections": ["public.is_not_there", "public.chunked"]}');
select signal('wrong', 'execute-snapshot', '{"data-collections": ["public.chunked"], "additional-conditions": [{"data-collection": "public.chunked", "filter": "no_such_column = 1"}]}');
select signal('keys', 'execute-snapshot', '{"data-collections": ["public.composite_key", "public.decimal_key", "public.emails", "public.UPPER"]}');
select signal('types', 'execute-snapshot', '{"data-collections": ["public.numbers", "public.texts"]}');
select signal('more', 'execute-snapshot', '{"data-collections": ["public.bits", "public.nets", "public.maps", "public.defaults"]}');
select signal('paused', 'pause-snapshot', '{}');
select signal('stopped', 'stop-snapshot', '{"type": "INCREMENTAL"}');
select signal('logged', 'log', '{"message": "hello {}"}');
insert into chunked values (11, 'later'); update chunked set v = 'changed' where id = 1;
select signal('again', 'execute-snapshot', '{"data-collections": ["public.chunked"]}');
select signal('blocking', 'execute-snapshot', '{"data-collections": ["public.chunked", "public.chunked_pair"], "type": "BLOCKING", "additional-conditions": [{"data-collection": "public.chunked", "filter": "select * from public.chunked where id < 4 order by id"}]}');
update chunked set v = 'after' where id = 2;
