import * as tf from "@tensorflow/tfjs";
import "/work/wt/engine/src/backends/wasm.js";
import { useBackend } from "/work/wt/engine/src/index.js";
import { withStockKernels } from "/work/wt/engine/src/backends/doctor/kernels.js";
const rnd=(s:number[])=>{let z=1;return tf.tensor(Float32Array.from({length:tf.util.sizeFromShape(s)},(_, i)=>Math.sin(i*1.7+s.length)*1.3),s)};
for (const [a,b] of [[[2,3],[2,1]],[[2,2,2,3],[1,1,3]],[[2,2,2,3],[2,2,3]],[[2,5],[1]],[[2,2,2,3],[2,1,3]]] as any) {
 await useBackend("cpu"); const e = await tf.prelu(rnd(a), rnd(b)).data(); await useBackend("wasm"); const g = await tf.prelu(rnd(a), rnd(b)).data();
 console.log(a,b,Math.max(...e.map((v:number,i:number)=>Math.abs(v-g[i]!))));
}
const shapes: any[] = [];
const P=(t:number,b:number,l:number,r:number)=>[[0,0],[t,b],[l,r],[0,0]];
for (const [k,s] of [[[2,2],3],[[1,2],2],[[1,3],2],[[1,5],2],[[3,3],4],[[3,3],1],[[3,3],2],[[3,3],[1,2]],[[2,3],[3,1]],[[1,1],2],[[5,5],[2,3]]] as any) for (const p of ["same","valid",P(1,0,2,1),P(0,2,1,0),P(3,3,3,3)]) for (const d of [1,2,[1,3]]) if (d===1||s===1) for (const hw of [[5,7],[8,6],[9,9]]) for (const m of [1,2]) shapes.push({k,s,p,d,hw,m});
const names=["conv","fconv","dw","fdw","sep","gx_conv","gw_conv","gx","gw"]; const worst: any={}; const count:any={}; const worstS:any={};
const f = (sh:any, n:string): tf.Tensor => { const x = rnd([2,...sh.hw,5]) as tf.Tensor4D; const w = rnd([...sh.k,5,4]) as tf.Tensor4D; const dw = rnd([...sh.k,5,sh.m]) as tf.Tensor4D;
 switch(n){ case "conv": return tf.conv2d(x,w,sh.s,sh.p,"NHWC",sh.d); case "fconv": return tf.fused.conv2d({x,filter:w,strides:sh.s,pad:sh.p,dilations:sh.d,bias:rnd([4]) as any,activation:"relu"});
 case "dw": return tf.depthwiseConv2d(x,dw,sh.s,sh.p,"NHWC",sh.d); case "fdw": return tf.fused.depthwiseConv2d({x,filter:dw,strides:sh.s,pad:sh.p,dilations:sh.d,bias:rnd([5*sh.m]) as any,activation:"relu6"});
 case "sep": return typeof sh.p==="string"||true ? tf.separableConv2d(x,dw,rnd([1,1,5*sh.m,3]) as any,sh.s,sh.p as any,sh.d): x;
 case "gx_conv": return tf.grad(t=>tf.conv2d(t as any,w,sh.s,sh.p).square())(x); case "gw_conv": return tf.grad(t=>tf.conv2d(x,t as any,sh.s,sh.p).square())(w);
 case "gx": return tf.grad(t=>tf.depthwiseConv2d(t as any,dw,sh.s,sh.p).square())(x); case "gw": return tf.grad(t=>tf.depthwiseConv2d(x,t as any,sh.s,sh.p).square())(dw); } throw 0; };
const exp:any[]=[]; await useBackend("cpu");
for (const sh of shapes) for (const n of names) { if (n.startsWith("g") && sh.d!==1) {exp.push(null);continue;} try { const t=tf.tidy(()=>f(sh,n)); exp.push(await t.data()); t.dispose(); } catch(e) { exp.push(String(e).slice(0,80)); } }
await useBackend("wasm"); let i=0;
const before=tf.memory().numTensors;
for (const sh of shapes) for (const n of names) { const e=exp[i++]; if (e===null) continue; 
  for (const stock of process.argv[2]==="stock"?[true]:[false]) { let err; let stockErr=false; try { const t=stock?withStockKernels(()=>tf.tidy(()=>f(sh,n))):tf.tidy(()=>f(sh,n)); const g=await t.data(); t.dispose(); if (typeof e==="string") err="cpu threw "+e; else { const sc=Math.max(1,...e.map(Math.abs)); err=g.length!==e.length?Infinity:Math.max(0,...e.map((v:number,j:number)=>Math.abs(v-g[j]!)))/sc; if (Number.isNaN(err)) err=Infinity; } } catch (x) { err=typeof e==="string"?0:"threw "+String(x).slice(0,100); }
  const W=stock?worstS:worst; if (typeof err==="string") { W[n]=err+JSON.stringify(sh); } else if (typeof W[n]!=="string") { W[n]=Math.max(W[n]??0,err); if (err>1e-5) (count[n+stock]??=[]).push(JSON.stringify(sh)); } } }
console.log("cured",worst); console.log("stock",worstS); for (const k in count) console.log(k,count[k].length, count[k][0]); console.log(tf.memory().numTensors-before);
process.exit(0)
