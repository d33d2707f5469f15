-- What is there before the snapshot: tables of every type, and the same rows that the changes begin with.
create extension if not exists hstore; create extension if not exists citext; create extension if not exists ltree; create extension if not exists isn;
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as int check (value > 0);
create domain short_text as varchar(10);
create domain price as numeric(8,3);
create domain price2 as price;
create type pair as (a int, b text);
create table numbers (id int primary key, b boolean, i2 smallint, i4 int, i8 bigint, o oid, f4 real, f8 double precision,
  n numeric, n5 numeric(5,2), n0 numeric(20,0), m money, pos positive, pr price, pr2 price2, s serial, nn int not null default 7, nd numeric(6,2) not null default 1.5, bs bigserial);
create table texts (id bigint primary key, c char(5), c1 char, qc "char", vc varchar(20), vcn varchar, t text, nm name, ci citext, sd short_text, js json, jb jsonb, x xml, u uuid, lt ltree, tv tsvector, e mood, isb isbn,
  dt text default 'it''s', de mood default 'ok', du uuid default '00000000-0000-0000-0000-000000000001', tn text not null default 'x');
create table times (id int primary key, d date, t time, t0 time(0), t3 time(3), t6 time(6), tz timetz, tz2 timetz(2), ts timestamp, ts0 timestamp(0), ts3 timestamp(3), ts6 timestamp(6),
  tstz timestamptz, tstz0 timestamptz(0), tstz3 timestamptz(3), iv interval, iv3 interval day to second(3), dd date default '2020-01-02', dts timestamp default now(), dtz timestamptz not null default '2021-01-01 00:00:00+00');
create table bits (id int primary key, b1 bit(1), b bit, b5 bit(5), b24 bit(24), vb varbit, vb1 varbit(1), vb33 varbit(33), bin bytea);
create table nets (id int primary key, i inet, c cidr, m macaddr, m8 macaddr8, r4 int4range, r8 int8range, rn numrange, rt tsrange, rtz tstzrange, rd daterange);
create table shapes (id int primary key, p point, b box, ls lseg, pa path, pao path, pl polygon, ci circle, li line);
create table maps (id int primary key, h hstore);
create table arrays (id int primary key, a2 smallint[], a4 int[], a8 bigint[], ao oid[], at text[], avc varchar(5)[], ac char(3)[], an numeric(6,2)[], anv numeric[], af4 real[], af8 float8[], ab boolean[], ad date[], au uuid[], aj json[], ajb jsonb[],
  ati time[], atz timetz[], ats timestamp[], ats3 timestamp(3)[], atst timestamptz[], abin bytea[], ain inet[], am macaddr[], ar int4range[], atr tstzrange[], ae mood[], aci citext[], ah hstore[], alt ltree[]);
create table dropped_types (id int primary key, l pg_lsn, q tsquery, p pair, am money[], anm name[], ai interval[], avb varbit[], ax xml[], ap point[], ap2 pair[], mr int4multirange, x xid, rc regclass, adom positive[], ab bit(3)[]);
create table no_key (a int, b text);
create table unique_key (a int not null unique, b text);
create table full_identity (id int primary key, a text, big text); alter table full_identity replica identity full;
create table toasted (id int primary key, a int, big text, bigj jsonb, bin bytea, arr text[], nn text not null, ia int[], la bigint[], ua uuid[], h hstore, n numeric);
alter table toasted alter big set storage external; alter table toasted alter bin set storage external; alter table toasted alter bigj set storage external; alter table toasted alter arr set storage external; alter table toasted alter nn set storage external; alter table toasted alter ia set storage external; alter table toasted alter la set storage external; alter table toasted alter ua set storage external;  alter table toasted alter h set storage external;
create table "Odd Näme" ("key Col" int, "other$col" text, second int, primary key (second, "key Col"));
create table cut (id int primary key, a int);
create table empty_table (id int primary key);
create table changing (id int primary key, a int);
create table index_identity (id int primary key, k int not null, v text); create unique index index_identity_k on index_identity (k); alter table index_identity replica identity using index index_identity_k;
create table nothing_identity (id int primary key, v text); alter table nothing_identity replica identity nothing;
create table generated (id int primary key, a int, g int generated always as (a * 2) stored, ident int generated always as identity);
create table part (id int, at date, primary key (id, at)) partition by range (at); create table part_2020 partition of part for values from ('2020-01-01') to ('2021-01-01'); create table part_2021 partition of part for values from ('2021-01-01') to ('2022-01-01');

create or replace procedure fill(base int) language plpgsql as $$
begin
  insert into numbers values (base+1, true, -32768, 2147483647, 9223372036854775807, 4294967295, 3.14, 2.718281828459045, 123456789.123456789, 123.45, 12345678901234567890, 1234.56, 5, 12345.678, 99999.999, 1, 2, 3.25, 3);
  insert into numbers values (base+2, false, 0, -1, -9007199254740993, 0, 1e20, 1e300, 0.000, -0.01, 0, -0.99, null, 0, null, 2, -7, -1, 4);
  insert into numbers values (base+3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, 3, 0, 0, 5);
  insert into numbers values (base+4, true, 1, 1, 1, 1, 'NaN', '-Infinity', 1e10, 0, -1, 0, 1, -1.5, 1, 4, 1, 1, 6);
  insert into numbers values (base+5, true, 1, 1, 1, 1, '1e-7', 1e-7, -1200, 1, 5, 1000000, 1, 1, 1, 5, 1, 1, 7);
  insert into texts values (base+1, 'ab', 'c', 'q', 'varchar', 'v', E'tab\t nl\n cr\r bs\\ bsb\b q" nul? é 日本 😀', 'a_name', 'CiText', 'short', '{"a" : 1}', '{"b": [1, 2.50, null]}', '<a>b</a>', '6f2b9b0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b', 'a.b.c', 'a fat cat', 'happy', '978-0-393-04002-9');
  insert into texts (id, c, vc, t, dt, de, du) values (base+2, '', '', '', null, null, null);
  insert into texts (id) values (base+3);
  insert into times values (base+1, '2020-02-29', '13:51:30.123456', '13:51:30', '13:51:30.123', '00:00:00', '13:51:30.123456+02', '23:59:59.99-05:30', '2016-11-04 13:51:30.123456', '2016-11-04 13:51:30', '2016-11-04 13:51:30.123', '1969-12-31 23:59:59.999999', '2016-11-04 13:51:30.123456+02', '2016-11-04 13:51:30+00', '2016-11-04 13:51:30.120+00', '1 year 2 mons 3 days 04:05:06.789', '1 day 02:03:04.5');
  insert into times values (base+2, '0044-03-15 BC', '24:00:00', '24:00:00', '24:00:00', '24:00:00', '24:00:00+00', '00:00:00+00', '0044-03-15 12:00:00 BC', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999', '294276-12-31 23:59:59.999999', '0044-03-15 12:00:00+00 BC', '10000-01-01 00:00:00+00', '0001-01-01 00:00:00+00', '-1 year -2 mons +3 days -04:05:06.5', '-00:00:00.001');
  insert into times values (base+3, 'infinity', null, null, null, null, null, null, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', '00:00:00', null);
  insert into times values (base+4, '-infinity', null, null, null, null, '04:05:06+00', null, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '178000000 years', null);
  insert into times (id, tz, tstz, dts) values (base+5, '04:05:06.100-12', '2020-01-01 00:00:00+00', '2020-01-01');
  insert into bits values (base+1, B'1', B'0', B'10101', B'000000010000001010000001', B'1', B'1', B'101', '\xdeadbeef00');
  insert into bits values (base+2, B'0', B'1', B'00000', B'111111111111111111111111', B'', B'0', B'', '');
  insert into bits values (base+3);
  insert into nets values (base+1, '10.1.2.3/24', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '[1,5)', '[1,9223372036854775806]', '[1.5,2.5]', '[2020-01-01 00:00,2020-01-02 00:00)', '[2020-01-01 00:00+02,)', '[2020-01-01,2020-02-01)');
  insert into nets values (base+2, '::1', '2001:db8::/32', null, null, 'empty', '(,)', 'empty', '(,)', 'empty', '(,infinity)');
  insert into shapes values (base+1, '(1.5,-2)', '(3,4),(1,2)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3.5>', '{1,-1,0}');
  insert into shapes values (base+2);
  insert into maps values (base+1, 'key1=>val1, "key 2"=>"va\"l 2", k3=>NULL, zz=>"", a=>1, b=>2, c=>3, d=>4, e=>5, f=>6, g=>7, h=>8, i=>9, j=>10'), (base+2, ''), (base+3, null);
  insert into arrays values (base+1, '{1,null,-3}', '{1,2}', '{9223372036854775807}', '{1,4294967295}', array['a','b "q"', null, 'NULL', '', 'c,d', E'back\\slash'], '{abc,de}', '{a,bcd}', '{1.00,2.50}', '{1.0,NULL,100}', '{1.5,NaN}', '{1e100}', '{t,f}', '{2020-01-01,0044-03-15 BC}', '{6f2b9b0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b}', array['{"a": 1}'::json], array['{"a": 1}'::jsonb],
    '{13:51:30.5,24:00}', '{13:51:30+02}', '{2020-01-01 00:00:00.5}', '{2020-01-01 00:00:00.5}', '{2020-01-01 00:00:00.5+00}', array['\xdead'::bytea], '{10.0.0.1}', '{08:00:2b:01:02:03}', array['[1,2)'::int4range], array['[2020-01-01 00:00+00,)'::tstzrange], '{sad,happy}', '{CiT}', array['a=>1'::hstore], array['a.b'::ltree, 'c']);
  insert into arrays values (base+2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
  insert into arrays values (base+3);
  insert into arrays (id, a4, at) values (base+4, '{{1,2},{3,4}}', '[2:3]={x,y}');
  insert into dropped_types values (base+1, '16/B374D848', 'fat & rat', row(1,'x'), '{1.00}', '{nm}', '{1 day}', array[B'101'::varbit], array['<a/>'::xml], array['(1,2)'::point], array[row(1,'y')::pair], '{[1,2)}', '1', 'numbers', '{1,2}', array[B'101']);
  insert into no_key values (base+1, 'x'); insert into unique_key values (base+1, 'y');
  insert into full_identity values (base+1, 'a', repeat('x', 10));
  insert into "Odd Näme" values (base+1, 'o', 5);
  insert into index_identity values (base+1, base+100, 'v'); insert into nothing_identity values (base+1, 'v');
  insert into generated (id, a) values (base+1, 21);
  insert into part values (base+1, '2020-05-05'), (base+2, '2021-05-05');
  insert into cut values (base+1, 1);
end $$;
call fill(0);
create schema judge; create table judge.marker (n int primary key);
create type color as enum ('red', 'deep blue', 'it''s');
create domain mail as citext not null;
create type "Weird Type" as enum ('A', 'b');
create table defaults (id int primary key, b boolean default true, i2 smallint default -1, i4 int default 42, i8 bigint default 9007199254740993, f4 real default 1.5, f8 double precision default -0.25, n numeric(6,2) default 12.5, nf numeric default 3.14159,
  m money default 1.5, c char(4) default 'ab', v varchar(9) default 'x y', t text default '', d date default '2021-03-04', ti time default '01:02:03', ts timestamp(3) default '2021-03-04 05:06:07.89', tz timestamptz default '2021-03-04 05:06:07+02', iv interval default '1 hour', bt bit(4) default B'1010', b1 bit default B'1',
  by bytea default '\x0102', js json default '{"a": 1}', u uuid default '123e4567-e89b-12d3-a456-426614174000', e color default 'red', a int[] default '{1,2}', s text not null default lower('ABC'), sq int not null default nextval('numbers_s_seq'), nn timestamptz not null default now(), neg int not null default -7, paren int not null default (3 + 4));
create table enums (id int primary key, e color, w "Weird Type", ae color[], aw "Weird Type"[]);
create table domains (id int primary key, m mail, p price, s short_text);
create table composite_key (a int, b text, c uuid, d date, v int, primary key (c, a, b, d));
create table text_key (k varchar(20) primary key, v text);
create table decimal_key (k numeric(10,2) primary key, v text);
create table time_key (k timestamptz primary key, v text);
create table full_toast (id int primary key, a int, big text); alter table full_toast replica identity full; alter table full_toast alter big set storage external;
create table wide (id int primary key, c01 int, c02 int, c03 int, c04 int, c05 int, c06 int, c07 int, c08 int, c09 int, c10 int, c11 int, c12 int, c13 int, c14 int, c15 int, c16 int, c17 int, c18 int, c19 int, c20 int, c21 text, c22 text, c23 text, c24 text, c25 text, c26 text, c27 text, c28 text, c29 text, c30 text);
create table people (id int primary key, name text, phone varchar(20), note char(6), amount numeric(8,2), secret bytea, born date); comment on column people.name is 'the name of a person'; comment on table people is 'people';
create table "UPPER" ("ID" int primary key, "Value" text);
create table "with-dash.dot" ("1st" int primary key, "a-b" text, "c.d" text, "é" text, "_x" text);
create table emails (id int primary key, v text);
create table parent (id int primary key, v text);
create table child (id int primary key, parent int references parent on delete cascade);
create table inherited_base (id int primary key, v text); create table inherited (w int, primary key (id)) inherits (inherited_base);
create table bulk (id int primary key, n int, v text);
create table multi_a (id int primary key); create table multi_b (id int primary key);
create table no_key_full (a int, b text); alter table no_key_full replica identity full;
create table quoted_part (id int not null, region text not null, v text, primary key (id, region)) partition by list (region); create table "quoted_part_EU" partition of quoted_part for values in ('eu'); create table quoted_part_rest partition of quoted_part default;
create unlogged table unlogged (id int primary key);
create table identity_switch (id int primary key, a int, b text);
create table renamed (id int primary key, v text);
create table dropped (id int primary key, v text);
create table retyped (id int primary key, v int, n numeric(5,2), t varchar(5), ts timestamp(3));
create table chunked (id int primary key, v text); insert into chunked select g, 'v' || g from generate_series(1, 10) g;
create table chunked_pair (a int, b text, v int, primary key (a, b)); insert into chunked_pair select g / 3, 'b' || g % 3, g from generate_series(1, 8) g;
create table signals_ours (id varchar(64) primary key, type varchar(32) not null, data varchar(2048)); create table signals_theirs (like signals_ours including all);
create function signal(id text, type text, data text) returns void language sql as $$ insert into signals_ours values ($1, $2, $3); insert into signals_theirs values ($1, $2, $3) $$;
insert into defaults (id) values (1); insert into enums values (1, 'deep blue', 'A', '{red,"deep blue"}', '{b,A}'); insert into people values (1, 'Ada Lovelace', '+44 1234 5678', 'note', 12.5, '\xdeadbeef', '1815-12-10'), (2, null, '', null, null, null, null), (3, 'Żółć 日本語 😀', '1', 'x', -1, '', null);
insert into composite_key values (1, 'b', '123e4567-e89b-12d3-a456-426614174000', '2020-01-01', 1); insert into "UPPER" values (1, 'up'); insert into "with-dash.dot" values (1, 'a', 'c', 'é', 'x'); insert into parent select g, 'p' from generate_series(1, 3) g; insert into child values (1, 1), (2, 1), (3, 2);
insert into quoted_part values (1, 'eu', 'x'), (2, 'us', 'y'); insert into inherited_base values (1, 'b'); insert into inherited values (2, 'c', 3); insert into identity_switch values (1, 1, 'x'), (2, 2, 'y'); insert into renamed values (1, 'x'); insert into dropped values (1, 'x'); insert into retyped values (1, 7, 1.25, 'abc', '2020-01-01 00:00:00.123');
